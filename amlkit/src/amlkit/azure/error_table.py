"""The errors of Azure ML that have a line of their own, as they are recognised."""

from __future__ import annotations

from dataclasses import dataclass

from amlkit.records import WorkError
from amlkit.settings import SettingsError


@dataclass(frozen=True)
class Row:
    """An error as it is recognised, and its line; the first row that fits is taken."""

    kind: type[SettingsError] | type[WorkError]
    """A wrong setting (exit 2), or work that failed (exit 1)."""
    words: str
    """A pattern in what the error and its causes say; its groups are names for `line`."""
    line: str
    """With names of `_facts`: {SPN_ID} is a setting's value and origin."""
    status: int | None = None
    """The HTTP status that it must tell of."""
    network: bool = False
    """Whether it must come from the way to the service."""
    auth: str = ""
    """The `azure.auth` that it is about."""


_THERE = (
    "in workspace {workspace}: an owner gives it the role '%s' there; a new role takes some minutes"
)
_ROLE = _THERE % "AzureML Data Scientist"
_NO_LOGIN = (
    r"CredentialUnavailable|az login|Azure CLI not found|No managed identity|"
    r"ManagedIdentityCredential auth|AADSTS70021"
)

TABLE = (
    Row(
        SettingsError,
        r"AADSTS7000215",
        "SPN_PASSWORD {SPN_PASSWORD} is not a secret of {caller}: give the secret's value, not its "
        "id",
    ),
    Row(
        SettingsError,
        r"AADSTS7000222",
        "SPN_PASSWORD {SPN_PASSWORD} has expired; make a new secret with `az ad app credential "
        "reset --append --id {client}`",
    ),
    Row(
        SettingsError,
        r"AADSTS70025\b",
        "SPN_ID {SPN_ID} has no federated credential at all yet: {remedy}, and it takes some "
        "minutes to count",
    ),
    Row(
        SettingsError,
        r"AADSTS700211\d*:[^']*'?(?P<issuer>[^']*)",
        "SPN_ID {SPN_ID} has no federated credential for the issuer '{issuer}', who signs {source} "
        "(letter by letter, a last slash too): {remedy}",
    ),
    Row(
        SettingsError,
        r"AADSTS7002138:[^']*'?(?P<subject>[^']*)",
        "the federated credential of SPN_ID {SPN_ID} has the subject '{subject}' with other "
        "capital letters: write organization, repository and environment there as here",
    ),
    Row(
        SettingsError,
        r"AADSTS700213\d*:[^']*'?(?P<subject>[^']*)",
        "SPN_ID {SPN_ID} has no federated credential for the subject '{subject}' of {source} (it "
        "names the job's environment or branch, or the service connection): {remedy}",
    ),
    Row(
        SettingsError,
        r"AADSTS(?:700212|70022204)\d*:[^']*'?(?P<audience>[^']*)",
        "the federated credential of SPN_ID {SPN_ID} is not for the audience '{audience}' of "
        "{source}: both must have api://AzureADTokenExchange",
    ),
    Row(
        SettingsError,
        r"AADSTS700024\b",
        "{source} has ended, or this machine's clock is wrong: where a file holds it, what wrote "
        "it must renew it; otherwise run the step again",
    ),
    Row(
        SettingsError,
        r"AADSTS50027\b",
        "{source} is no token (a JWT) for Entra",
        auth="workload-identity",
    ),
    Row(
        SettingsError,
        r"AADSTS(?:7000272|50013|700027)\b",
        "{source} is signed with a key that its issuer does not show: where it just renewed its "
        "keys, try again in an hour",
        auth="workload-identity",
    ),
    Row(
        WorkError,
        r"AADSTS(?:50166|501661|90061)\b",
        "Entra cannot reach the issuer of {source} to ask for its keys; run this again later",
    ),
    Row(
        SettingsError,
        r"OIDC token endpoint|OIDC token not found",
        "Azure Pipelines gives no token for the service connection {connection}: it must be one by "
        "workload identity federation that this pipeline may use, and SYSTEM_ACCESSTOKEN must be "
        "$(System.AccessToken) of this job",
    ),
    Row(
        SettingsError,
        r"AADSTS700016",
        "SPN_ID {SPN_ID} is no application in tenant {TENANT_ID}: give the application (client) id",
    ),
    Row(
        SettingsError,
        r"AADSTS90002|AADSTS900023|Unable to get authority configuration",
        "TENANT_ID {TENANT_ID} is no tenant; `az account show` names yours",
    ),
    Row(
        SettingsError,
        r"don't have access to \S+ subscription|SubscriptionNotFound|InvalidSubscriptionId",
        "SUBSCRIPTION_ID {SUBSCRIPTION_ID} is not open to {caller}: a wrong id, or no role in it "
        "yet",
    ),
    Row(
        SettingsError,
        r"ResourceGroupNotFound",
        "RESOURCE_GROUP {RESOURCE_GROUP} does not exist in subscription {SUBSCRIPTION_ID}",
    ),
    Row(
        SettingsError,
        r"Workspace not found|workspaces/[^' ]+' under resource group '[^']*' was not found",
        "AML_WORKSPACE_NAME {AML_WORKSPACE_NAME} does not exist in resource group {RESOURCE_GROUP}",
    ),
    Row(
        SettingsError,
        _NO_LOGIN,
        "nobody is signed in for azure.auth: azure-cli; run `az login` "
        "(and `az account set --subscription {subscription}`)",
        auth="azure-cli",
    ),
    Row(
        SettingsError,
        _NO_LOGIN,
        "SPN_ID {SPN_ID} has no federated credential that fits {source}: {remedy}; a new one takes "
        "some minutes to count",
        auth="workload-identity",
    ),
    Row(
        SettingsError,
        _NO_LOGIN,
        "azure.auth: {auth} ({auth_origin}) finds no identity on this machine",
    ),
    Row(
        SettingsError,
        r"Could not find datastore(?: with name '?(?P<datastore>[\w-]+))?",
        "there is no datastore '{datastore}' in workspace {workspace}; its studio lists them under "
        "Data",
    ),
    Row(
        WorkError,
        r"KeyBasedAuthenticationNotPermitted",
        "the storage account forbids keys: register data that lies there already, with "
        "`--datastore NAME --datastore-path PATH`, or let the datastore use identities",
    ),
    Row(
        WorkError,
        r"PublicNetworkAccess|public network|private ?link|"
        r"private ?endpoint (connection )?is required",
        "workspace {workspace} is closed to public networks: reach it from its own network (VPN, "
        "a self-hosted agent)",
    ),
    Row(
        WorkError,
        r"\bv1\b[^.]{0,60}\b(disabled|not supported|not allowed|forbidden)|"
        r"\b(disabled|not supported|not allowed|forbidden)\b[^.]{0,40}\b(SDK )?v1\b",
        "workspace {workspace} does not take SDK v1 (azureml-core), whose support ended on "
        "2026-06-30; use another workspace, or ask its owner to allow it",
    ),
    # Where the SDK quotes an answer's bytes, their quotes are escaped.
    Row(
        WorkError,
        r"perform action \\?'(?P<action>[^'\\]*/computes/[^'\\]*)",
        "{caller} may not do {action} " + _THERE % "AzureML Compute Operator",
    ),
    Row(
        WorkError,
        r"perform action \\?'(?P<action>[^'\\]+)",
        "{caller} may not do {action} " + _ROLE,
    ),
    Row(
        WorkError,
        r"AuthorizationFailed|does not have authorization",
        "{caller} has not the rights for this " + _ROLE,
    ),
    Row(
        WorkError,
        r"QuotaExceeded|exceed(s|ing)? .{0,40}quota",
        "the subscription's quota does not cover {size} in {location}: ask for more, or set "
        "azure.compute.size",
    ),
    Row(WorkError, r"", "{caller} has not the rights for this " + _ROLE, status=403),
    Row(WorkError, r"", "Azure ML does not accept the token of {caller}: it has ended", status=401),
    Row(
        WorkError,
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed",
        "{host}: its certificate is not trusted here. Where a company's proxy opens the "
        "connection, let REQUESTS_CA_BUNDLE name the file with the company's certificate",
        network=True,
    ),
    Row(
        WorkError,
        r"Tunnel connection failed: (?P<why>\d+[^'\")]*[^'\")\s])",
        "the proxy {proxy} refuses {host} ({why}); see HTTPS_PROXY, NO_PROXY",
        network=True,
    ),
    Row(
        WorkError,
        r"ProxyError|Cannot connect to proxy|Tunnel connection failed",
        "the proxy {proxy} cannot be reached; see HTTPS_PROXY, NO_PROXY",
        network=True,
    ),
    Row(
        WorkError,
        r"Name or service not known|getaddrinfo failed|nodename nor servname|"
        r"name resolution|NameResolutionError",
        "the name {host} is not known here; a workspace with a private endpoint is reached from "
        "its own network (VPN, a self-hosted agent) and its private DNS",
        network=True,
    ),
    Row(
        WorkError,
        r"timed? ?out",
        "{host} does not answer in time; a firewall or private endpoint may be in the way",
        network=True,
    ),
    Row(
        WorkError,
        r"",
        "the connection to {host} broke; check the network, then run this again",
        network=True,
    ),
)
