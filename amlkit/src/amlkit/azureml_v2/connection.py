"""One connection to a workspace by SDK v2, which its five parts share."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Callable, Iterator
from typing import Any

from amlkit.azure.connection import SharedConnection
from amlkit.azure.errors import chain
from amlkit.azure.identity import KeptCredential, caller, credential


class Connection(SharedConnection):
    """`MLClient`, the workspace, the caller's credential, and what was looked up by them."""

    @property
    def client(self) -> Any:
        """The SDK's `MLClient`, made once in a command; that alone asks Azure for nothing."""
        return self.kept(("client",), self._client)

    @property
    def credential(self) -> Any:
        """The caller's credential; its tokens are kept in memory until they end."""
        return self.kept(("credential",), lambda: KeptCredential(credential(self.settings.azure)))

    def _client(self) -> Any:
        from azure.ai.ml import MLClient

        # It tells of experimental classes whenever one is made.
        logging.getLogger("azure").setLevel(logging.CRITICAL)
        return MLClient(
            self.credential, **self._place(), enable_telemetry=False, show_progress=False
        )

    def _place(self) -> dict[str, str]:
        """What the client is for."""
        azure = self.settings.azure
        return {
            "subscription_id": azure.subscription_id,
            "resource_group_name": azure.resource_group,
            "workspace_name": azure.workspace_name,
        }

    def _open(self) -> Any:
        """The workspace's entity: the first request of a command; says who asks for it."""
        found = self.client.workspaces.get(self.settings.azure.workspace_name)
        self.say(f"workspace {found.name} in {found.location}, as {caller(self.settings.azure)}")
        return found


def if_there(ask: Callable[[], Any]) -> Any:
    """What the SDK answers; None where Azure says that there is no such thing (404).

    Of a name without versions the SDK says it in an error of its own.
    """
    from azure.core.exceptions import ResourceNotFoundError

    try:
        return ask()
    except Exception as error:
        if not any(isinstance(one, ResourceNotFoundError) for one in chain(error)):
            raise
        return None


@contextlib.contextmanager
def silently() -> Iterator[None]:
    """What the SDK prints on stderr while it uploads goes nowhere; errors are raised as ever."""
    with contextlib.redirect_stderr(io.StringIO()):
        yield


def job_status(job: Any) -> str:
    """A job's status as the service says it; of a pipeline's job the SDK has an enum."""
    return str(getattr(job.status, "value", job.status))
