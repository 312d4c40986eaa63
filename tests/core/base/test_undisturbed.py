"""The garbage collector rests while many objects are made, and comes back whatever happens."""

from __future__ import annotations

import gc

import pytest

from quarterdeck.core.base.undisturbed import undisturbed


def test_the_collector_rests_inside_and_comes_back() -> None:
    with undisturbed():
        assert not gc.isenabled()
        with undisturbed():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_comes_back_after_an_error() -> None:
    with pytest.raises(KeyError), undisturbed():
        raise KeyError
    assert gc.isenabled()


def test_one_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with undisturbed():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
