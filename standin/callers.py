"""What a client of the stand-in is given: its environment, and who it may call as."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from .account import Account
from .routing import Json

if TYPE_CHECKING:
    from .proxy import Proxy

# What a caller's environment may hold that must not reach a client of the stand-in.
_PRIVATE = (
    "AZURE", "ARM_", "AML_", "TENANT_ID", "SPN_", "MSI_", "IDENTITY_", "ACTIONS_ID_", "SYSTEM_OIDC",
)  # fmt: skip
_SECRET = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|_KEY$|APIKEY")
_PROXIES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")


def through(proxy: Proxy) -> dict[str, str]:
    """What points a process at the stand-in; laid over the environment of that process."""
    environment = dict.fromkeys(_PROXIES, proxy.url)
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"):
        environment[name] = str(proxy.bundle)
    return environment | {"NO_PROXY": "", "no_proxy": ""}


def at_home(folder: Path) -> dict[str, str]:
    """A home folder below `folder`: the SDK keeps there what it discovered."""
    home = str(folder / "home")
    return {"HOME": home, "USERPROFILE": home}


def without_secrets() -> dict[str, str]:
    """This process's environment without what is of another Azure, or a secret."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(_PRIVATE)
        and not _SECRET.search(name.upper())
        and not name.lower().endswith("_proxy")
    }


def variables(account: Account) -> dict[str, str]:
    """Who calls, and where: the variables that the pipelines map for the drivers."""
    return {
        "TENANT_ID": account.tenant_id,
        "SPN_ID": account.client_id,
        "SPN_PASSWORD": account.client_secret,
        "SUBSCRIPTION_ID": account.subscription_id,
        "RESOURCE_GROUP": account.resource_group,
        "AML_WORKSPACE_NAME": account.workspace_name,
    }


def details(account: Account, *, empty: bool) -> Json:
    """What a user needs to begin; the one place that shows the secret."""
    known: Json = {"tenant_id": account.tenant_id, "subscription_id": account.subscription_id}
    if empty:
        return known | {
            "administrator_id": account.administrator.client_id,
            "administrator_password": account.administrator_secret,
        }
    return known | {
        "service_principal_id": account.client_id,
        "service_principal_password": account.client_secret,
        "resource_group": account.resource_group,
        "workspace_name": account.workspace_name,
        "compute_target": "cpu-cluster",
        "location": account.location,
    }
