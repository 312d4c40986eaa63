from __future__ import annotations

from pathlib import Path

import pytest

from quarterdeck.core.base.homes import expanded


def test_a_home_is_put_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert expanded("~") == Path("/home/ann")
    assert expanded("~/shop") == Path("/home/ann/shop")
    assert expanded(Path("~/shop")) == Path("/home/ann/shop")


@pytest.mark.parametrize("path", ["~nobody-of-this-name/x", "~0", "a/~", "/x", "."])
def test_what_names_no_home_stays(path: str) -> None:
    assert expanded(path) == Path(path)
