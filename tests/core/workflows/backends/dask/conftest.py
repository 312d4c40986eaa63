"""A real cluster for each module; a test that broke it has the next one made anew."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.dask_cluster import Cluster, lives

from quarterdeck.core.workflows.backends.dask.backend import DaskBackend


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    cluster.open()
    try:
        yield cluster
    finally:
        cluster.close()


@pytest.fixture
def cluster(shared: Cluster) -> Cluster:
    """One scheduler and two workers of two places each."""
    nodes = [shared.scheduler, *shared.workers]
    if len(nodes) != 3 or not all(node and lives(node.pid) for node in nodes):
        shared.make()
    return shared


@pytest.fixture
async def backend(cluster: Cluster) -> AsyncIterator[DaskBackend]:
    backend = cluster.backend()
    await backend.open()
    try:
        yield backend
    finally:
        await backend.close()
