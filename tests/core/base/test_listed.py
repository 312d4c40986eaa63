"""Names in messages."""

from __future__ import annotations

from quarterdeck.core.base.listed import listed


def test_messages_name_some_and_count_the_rest() -> None:
    assert listed([]) == ""
    assert listed(["a", "b"]) == "a, b"
    assert listed([str(n) for n in range(8)]).endswith("6, 7")
    assert listed([str(n) for n in range(11)]).endswith("6, 7 and 3 more")
    assert listed(["a", "b", "c"], 2) == "a, b and 1 more"
