"""Dask's workers: one on each node of a job, or processes of a machine by itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from dask.distributed import Client, LocalCluster

PORT = os.environ.get("DASK_PORT", "8786")  # of Dask's scheduler, on the first node


@contextmanager
def workers(local: int) -> Iterator[Client | None]:
    """Dask's client, with a worker on each node; None on all nodes but the first.

    Azure ML's PyTorch distribution, one process for each node, sets these variables.
    """
    nodes, node = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    if nodes == 1:
        with (
            LocalCluster(local, threads_per_worker=1, dashboard_address=":0") as cluster,
            Client(cluster) as client,
        ):
            yield client
        return
    address = f"tcp://{os.environ['MASTER_ADDR']}:{PORT}"
    dask = [sys.executable, "-m", "dask"]
    own = [subprocess.Popen([*dask, "worker", address, "--no-dashboard", "--nthreads", "1"])]
    if node == 0:
        own.append(subprocess.Popen([*dask, "scheduler", "--port", PORT, "--no-dashboard"]))
    try:
        if node != 0:
            own[0].wait()
            yield None
            return
        with Client(address, timeout=300) as client:
            client.wait_for_workers(nodes, timeout=1800)
            yield client
            client.shutdown()
    finally:
        for process in own:
            process.terminate()
