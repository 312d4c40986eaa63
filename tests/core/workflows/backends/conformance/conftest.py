"""Every back end that ships, each with what is needed to come back as another engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from tests.dask_cluster import Cluster

from quarterdeck.core.workflows.backends.ports import Backend
from quarterdeck.core.workflows.backends.registry import backend_for

Make = Callable[[], Backend]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    cluster.open()
    try:
        cluster.make()
        yield cluster
    finally:
        cluster.close()


@pytest.fixture(params=["local", "dask"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Another engine's back end for the same places, not open."""
    if request.param == "local":
        epochs = count(1)
        return lambda: backend_for("local", state_dir=tmp_path / "state", epoch=next(epochs))
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.backend


@pytest.fixture
async def backend(make: Make) -> AsyncIterator[Backend]:
    backend = make()
    await backend.open()
    try:
        yield backend
    finally:
        await backend.close()
