"""What a practice agent pretends to have spent: the same for the same work."""

from __future__ import annotations

PRICE = 0.00001
"""What a token costs."""
WORD_TOKENS = 4
STEP_TOKENS = 900
TURN_TOKENS = 2000


class Spending:
    """Tokens since the agent began: in for what it read, out for what it said."""

    def __init__(self) -> None:
        self.input = self.output = 0

    def turn(self) -> None:
        """A turn has begun: all of the conversation is read again."""
        self.input += TURN_TOKENS

    def step(self) -> None:
        """A tool was used."""
        self.input += STEP_TOKENS

    def said(self, text: str) -> None:
        """Something was said."""
        self.output += WORD_TOKENS * len(text.split())

    @property
    def tokens(self) -> int:
        """All of them."""
        return self.input + self.output

    @property
    def cost(self) -> float:
        """The money."""
        return round(self.tokens * PRICE, 6)
