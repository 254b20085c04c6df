"""A run's log as it grows, from the artifact store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from amlkit.azure.log import SharedLog, log_among


class RunLog(SharedLog):
    """A run's log by SDK v2: a blob that the service appends to."""

    def __init__(
        self,
        artifacts: Callable[[], tuple[Any, str]],
        on_log: Callable[[str], None],
        folder: str = "",
    ) -> None:
        super().__init__(on_log)
        self.artifacts, self.name = artifacts, ""
        self.folders = [folder or "user_logs/"]

    def catch_up(self) -> None:
        """See `SharedLog.catch_up`: where the runtime of before wrote, it is found as well."""
        self.folders.append("azureml-logs/")
        self.read()

    def more(self) -> bytes:
        """See `SharedLog.more`."""
        from azure.core.exceptions import HttpResponseError

        container, prefix = self.artifacts()
        if not self.name:
            found = (
                blob.name[len(prefix) + 1 :]
                for folder in self.folders
                for blob in container.list_blobs(name_starts_with=f"{prefix}/{folder}")
            )
            self.name = log_among(found)
        if not self.name:
            return b""
        try:
            blob = container.get_blob_client(f"{prefix}/{self.name}")
            return bytes(blob.download_blob(offset=self.place).readall())
        except HttpResponseError as error:
            if error.status_code in (404, 416):  # not yet there; nothing new
                return b""
            raise
