"""The federated credentials that an administrator is asked for, by whom pipelines sign in."""

from __future__ import annotations

from amlkit.provision.cloud.client import az
from amlkit.provision.cloud.failures import Failure, Refused
from amlkit.provision.cloud.placeholders import fact
from amlkit.provision.context import Context
from amlkit.provision.pipelines.federation import credential_body
from amlkit.provision.pipelines.github import subject_of, trusted
from amlkit.provision.pipelines.names import connection_name, environments, repository, variables
from amlkit.provision.plan.records import Resource, Right


def requested_credentials(context: Context) -> tuple[list[Resource], dict[str, str]]:
    """A credential for each place that signs in, and what could be found out for them.

    How GitHub names the repository in its tokens `gh` tells, where there is one; how Azure DevOps
    names a service connection is known once that is made.

    Raises:
        Refused: the pipelines' own files name no environments.
    """
    root = context.settings.root
    if not context.on_github:
        connection = connection_name(variables(root))
        known_by, title = f"azure-devops-{connection}", f"the service connection {connection}"
        return [_credential(known_by, title, fact("issuer"), fact("subject"))], {}
    known, hub = {}, "github"
    try:
        hub = repository(root, "").name
        known = {"subject": subject_of(hub, context.client)}
    except (Failure, Refused):
        pass  # its place is shown, with where it is told
    return [_credential(*trusted(hub, name)) for name in environments(root)], known


def _credential(name: str, title: str, issuer: str, subject: str) -> Resource:
    """One of them, as `az ad app` makes it."""
    words = ("ad", "app", "federated-credential", "create", "--id", fact("client_id"))
    return Resource(
        key=f"federated_credential {name}",
        title=f"federated credential for {title}",
        mode="create",
        make=(
            az(*words, "--parameters", "@-", body=credential_body(name, title, issuer, subject)),
        ),
        inside="service_principal",
        right=Right("an owner of the application, or Application Administrator"),
        reason="the pipelines sign in by it, without a secret",
    )
