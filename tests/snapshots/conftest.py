"""What pictures need of the test run."""

from __future__ import annotations

import warnings
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_sessionfinish() -> Generator[None]:
    """The report of pictures that differ is written with a deprecated call; it is not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return (yield)
