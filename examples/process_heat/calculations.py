"""Thermal efficiency, heat distribution and emissions, as plain functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from plant import Boiler, Order

STEP = 50.0


def fuel_for(boiler: Boiler, heat: float) -> float:
    """The fuel in kW that a boiler burns for ``heat`` kW."""
    return heat / boiler.efficiency_at(heat) if heat > 0 else 0.0


def share_out(orders: Sequence[Order], capacity: float) -> dict[str, float]:
    """Heat for each consumer, in kW: the dearest to miss first, until nothing is left."""
    given: dict[str, float] = {}
    for order in orders:
        given[order.consumer] = min(order.demand, max(0.0, capacity - sum(given.values())))
    return given


def dispatch(boilers: Sequence[Boiler], demand: float) -> dict[str, float]:
    """Setpoints in kW that meet ``demand``: each step goes to the boiler whose fuel grows least."""
    setpoints = {boiler.name: 0.0 for boiler in boilers}
    left = min(demand, sum(boiler.rated for boiler in boilers))
    while left > 1e-9:
        step = min(STEP, left)
        free = [one for one in boilers if setpoints[one.name] + step <= one.rated + 1e-9]
        if not free:
            break
        best = min(free, key=lambda one: _growth(one, setpoints[one.name], step))
        setpoints[best.name] += step
        left -= step
    return setpoints


def thermal_efficiency(boilers: Mapping[str, Boiler], setpoints: Mapping[str, float]) -> float:
    """Heat over fuel of the whole plant, 0 to 1."""
    heat = sum(setpoints.values())
    fuel = sum(fuel_for(boilers[name], value) for name, value in setpoints.items())
    return heat / fuel if fuel else 0.0


def nox_mg_per_kwh(boilers: Mapping[str, Boiler], setpoints: Mapping[str, float]) -> float:
    """The plant's emissions of nitrogen oxides by heat delivered."""
    heat = sum(setpoints.values())
    total = sum(boilers[name].nox_mg_per_kwh * value for name, value in setpoints.items())
    return total / heat if heat else 0.0


def _growth(boiler: Boiler, heat: float, step: float) -> float:
    return fuel_for(boiler, heat + step) - fuel_for(boiler, heat)
