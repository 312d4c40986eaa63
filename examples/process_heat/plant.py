"""The imagined plant: boilers and consumers, as its SCADA and ERP systems would show them.

Nothing here talks to a machine: both adapters are simulations with the delays and faults of real ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random


@dataclass
class Boiler:
    """A boiler: ``rated`` heat in kW, its ``efficiency`` at full load (0 to 1), and its emissions."""

    name: str
    rated: float
    efficiency: float
    nox_mg_per_kwh: float
    setpoint: float = 0.0

    def efficiency_at(self, load: float) -> float:
        """The efficiency at ``load`` kW: best at four fifths of the rated heat, less on both sides."""
        if load <= 0:
            return 0.0
        part = load / self.rated
        return self.efficiency * (1.0 - 0.12 * (part - 0.8) ** 2)


@dataclass(frozen=True)
class Order:
    """What a consumer needs in the next hour, in kW, and what an hour without costs, in EUR/kW."""

    consumer: str
    demand: float
    penalty: float


@dataclass
class Scada:
    """Reads and writes the boilers; ``broken`` names boilers whose controller does not answer."""

    boilers: dict[str, Boiler]
    broken: set[str] = field(default_factory=set)
    random: Random = field(default_factory=lambda: Random(1))  # noqa: S311  # an imagined plant

    async def read(self, name: str) -> dict[str, float]:
        """Temperatures (degrees Celsius) and pressure (bar) of a boiler, with a little noise."""
        boiler = self._boiler(name)
        part = boiler.setpoint / boiler.rated
        noise = self.random.uniform(-1.0, 1.0)
        return {"temperature": 180.0 + 320.0 * part + noise, "pressure": 8.0 + 30.0 * part}

    async def write(self, name: str, setpoint: float) -> float:
        """Set a boiler's heat in kW; what it was before."""
        boiler = self._boiler(name)
        before, boiler.setpoint = boiler.setpoint, setpoint
        return before

    def _boiler(self, name: str) -> Boiler:
        if name in self.broken:
            raise ConnectionError(f"the controller of {name} does not answer")
        return self.boilers[name]


@dataclass
class Erp:
    """Knows the orders and prices, and books what was delivered."""

    orders: list[Order]
    gas_price: float = 0.06
    booked: list[dict[str, float]] = field(default_factory=list)

    async def open_orders(self) -> list[Order]:
        """What is to be delivered, the dearest to miss first."""
        return sorted(self.orders, key=lambda order: -order.penalty)

    async def book(self, delivered: dict[str, float]) -> int:
        """Note a delivery; its number."""
        self.booked.append(delivered)
        return len(self.booked)


def imagined_plant() -> tuple[Scada, Erp]:
    """Three boilers and four consumers."""
    boilers = [
        Boiler("north", 2000.0, 0.94, 70.0),
        Boiler("south", 1500.0, 0.91, 95.0),
        Boiler("old", 1000.0, 0.84, 160.0),
    ]
    orders = [
        Order("dairy", 900.0, 0.5),
        Order("brewery", 700.0, 0.4),
        Order("laundry", 500.0, 0.2),
        Order("greenhouse", 600.0, 0.1),
    ]
    return Scada({boiler.name: boiler for boiler in boilers}), Erp(orders)
