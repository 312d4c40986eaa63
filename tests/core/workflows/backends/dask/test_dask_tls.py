"""A cluster that speaks TLS alone, with an authority of its own."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.dask_cluster import Cluster, run, shell

from quarterdeck.core.base.ids import new_id
from quarterdeck.core.workflows.backends.dask.faults import ClusterUnreachable
from quarterdeck.core.workflows.backends.registry import backend_for

OPENSSL = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=deck"


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Cluster]:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed, which makes the certificate")
    files = ["-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "cert")]
    subprocess.run([openssl, *OPENSSL.split(), *files], check=True, capture_output=True)
    cert, key = str(tmp_path / "cert"), str(tmp_path / "key")
    security = {"tls_ca_file": cert, "require_encryption": True}
    for role in ("scheduler", "worker", "client"):
        security |= {f"tls_{role}_cert": cert, f"tls_{role}_key": key}
    cluster = Cluster(tmp_path, security)
    cluster.open()
    try:
        cluster.make(workers=1)
        yield cluster
    finally:
        cluster.close()


async def test_a_task_runs_over_tls_and_nobody_gets_in_without(
    secured: Cluster, tmp_path: Path
) -> None:
    files = "&".join(f"{name}={tmp_path / file}" for name, file in FILES.items())
    backend = backend_for(f"dask://127.0.0.1:{secured.port}?{files}", state_dir=tmp_path)
    await backend.open()
    try:
        assert (await run(backend, shell(new_id(), "echo secret"))).out() == b"secret\n"
    finally:
        await backend.close()
    plain = backend_for(f"dask://127.0.0.1:{secured.port}?timeout=1", state_dir=tmp_path)
    with pytest.raises(ClusterUnreachable):
        await plain.open()


FILES = {"ca": "cert", "cert": "cert", "key": "key"}
