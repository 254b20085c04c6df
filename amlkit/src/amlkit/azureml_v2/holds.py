"""Keeps two deployments to one endpoint apart: by the lease of a blob beside the private wheels.

A lease ends a minute after its holder does, however that was.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from amlkit.records import WorkError

FOLDER = "amlkit-holds"
LEASE = 60  # seconds; what Azure takes at most, but for one without end
RENEW = 20.0
PATIENCE = 75.0  # seconds: longer than the lease of one that was killed


@contextmanager
def held(
    container: Any, name: str, say: Callable[[str], None], patience: float = PATIENCE
) -> Iterator[None]:
    """Holds an endpoint meanwhile.

    Args:
        container: the client of the container that the blob is in.
        name: the endpoint's.
        say: hears that it waits.
        patience: how long to wait for another to let go (s).

    Raises:
        WorkError: another deployment is under way.
    """
    lease = _acquired(container.get_blob_client(f"{FOLDER}/{name}"), name, say, patience)
    over = threading.Event()

    def renew() -> None:
        while not over.wait(RENEW):
            with suppress(Exception):  # an outage; the lease lasts three times as long
                lease.renew()

    thread = threading.Thread(target=renew, name="hold", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        with suppress(Exception):  # it ends by itself
            lease.release()


def _acquired(blob: Any, name: str, say: Callable[[str], None], patience: float) -> Any:
    from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

    until, waits = time.monotonic() + patience, False
    while True:
        try:
            return blob.acquire_lease(LEASE)
        except ResourceNotFoundError:
            with suppress(ResourceExistsError):
                blob.upload_blob(b"", overwrite=False)
        except HttpResponseError as error:
            if error.status_code not in (409, 412):
                raise
            if time.monotonic() > until:
                raise WorkError(
                    f"another deployment to {name} is under way; try again later"
                ) from None
            if not waits:
                say(f"another deployment to {name} is under way, or was killed; waiting for it")
                waits = True
            time.sleep(2)
