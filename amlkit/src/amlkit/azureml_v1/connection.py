"""One connection to a workspace by SDK v1, which its five parts share."""

from __future__ import annotations

from typing import Any

from amlkit.azure.connection import SharedConnection
from amlkit.azure.errors import status_of
from amlkit.azure.identity import caller, credential, kept_tokens
from amlkit.records import WorkError
from amlkit.settings import Azure


class Connection(SharedConnection):
    """The SDK's workspace, the caller's credential, and what was looked up by them."""

    def run(self, run_id: str, *, fresh: bool = False) -> Any:
        """The SDK's run, as it was first seen or, if `fresh`, as it is now."""
        from azureml.core import Run

        if fresh:
            self.forget("run", run_id)
        try:
            return self.kept(("run", run_id), lambda: Run.get(self.workspace, run_id))
        except Exception as error:
            if status_of(error) != 404:
                raise
            where = self.settings.azure.workspace_name
            raise WorkError(f"there is no run {run_id!r} in workspace {where}") from error

    def _open(self) -> Any:
        from azureml.core import Workspace

        azure = self.settings.azure
        found = Workspace.get(
            azure.workspace_name,
            auth=authentication(azure),
            subscription_id=azure.subscription_id,
            resource_group=azure.resource_group,
        )
        self.say(f"workspace {found.name} in {found.location}, as {caller(azure)}")
        return found


def authentication(azure: Azure) -> Any:
    """The caller as SDK v1 takes it.

    Its own `AzureCliAuthentication` cannot be installed beside today's azure-cli, so that whoever
    is not a service principal comes through azure-identity.
    """
    from azureml.core import authentication as sdk

    if azure.auth == "service-principal":
        return sdk.ServicePrincipalAuthentication(
            tenant_id=azure.tenant_id,
            service_principal_id=azure.client_id,
            service_principal_password=azure.client_secret,
        )
    return sdk.TokenAuthentication(kept_tokens(credential(azure)))
