"""A company's policy that forbids something: its name, and the setting that satisfies it."""

from __future__ import annotations

import re

# Words in the names of policies, those that are built in above all, and what satisfies them.
_SETTINGS = [
    (r"\btags?\b", "azure.bootstrap.tags (and azure.compute.tags)"),
    (
        r"purge|soft.?delete|deletion protection|retention",
        "azure.bootstrap.key_vault_purge_protection: true, key_vault_retention_days",
    ),
    (r"shared.?key", "azure.bootstrap.storage_shared_keys: false"),
    (
        r"public (network )?access|public network|private link|private endpoint|network access",
        "azure.bootstrap.public_network: false, with managed_network or private endpoints of yours",
    ),
    (r"virtual network|managed network", "azure.bootstrap.managed_network"),
    (r"local auth|Active Directory based|Entra.* based", "azure.bootstrap.local_auth: false"),
    (r"user.?assigned|managed identit", "azure.compute.identity"),
    (r"location|region", "azure.location"),
    (r"naming|name pattern|names? (must|should)", "the names of azure.bootstrap (…_name)"),
    (r"vm size|sku|machine size", "azure.compute.size"),
]


# The fields that a policy has found fault with, where an answer lists them.
_FIELDS = [
    (r"purge|softDelete", "azure.bootstrap.key_vault_purge_protection: true"),
    (r"allowSharedKeyAccess", "azure.bootstrap.storage_shared_keys: false"),
    (r"publicNetworkAccess|networkAcls|privateEndpoint", "azure.bootstrap.public_network: false"),
    (r"disableLocalAuth", "azure.bootstrap.local_auth: false"),
    (r"identity", "azure.compute.identity"),
    (r"^location$", "azure.location"),
    (r"vmSize", "azure.compute.size"),
]


def explained(message: str) -> tuple[str, str]:
    """What forbids it, in a line, and what to do.

    Args:
        message: `Resource 'x' was disallowed by policy.` with identifiers or reasons, or several of
            them, and the details of the evaluation where there are some.
    """
    things = _all(r"Resource '([^']+)' was disallowed", message)
    found = _all(r'policyDefinition\W+name\W+([^"\\]+)', message)
    found += _all(r'policyDefinitionDisplayName\W+([^"\\]+)', message)
    names = list(dict.fromkeys(found))
    reasons = _all(r"Reasons?: '([^']+)'", message)
    if not names and not reasons:
        return message[:400], "ask an administrator: a policy of your company forbids it"
    what = ", ".join(things) or "it"
    by = f"the policy {' and '.join(map(repr, names))}" if names else "a policy of your company"
    because = f" ({' '.join(reasons).rstrip('.')})" if reasons else ""
    fields = _all(r"\bpath\W+(?:properties\.)?([A-Za-z][\w.]*)", message)
    settings = _settings(_FIELDS, fields) or _settings(_SETTINGS, names + reasons)
    how = "ask an administrator for an exemption, or for what it asks for"
    if settings:
        how = f"in config.yml this satisfies it: {'; '.join(settings)} (docs/azure.md)"
    return f"{what}: disallowed by {by}{because}", how


def _all(pattern: str, text: str) -> list[str]:
    """What a pattern finds, each once."""
    return list(dict.fromkeys(re.findall(pattern, text)))


def _settings(table: list[tuple[str, str]], words: list[str]) -> list[str]:
    """The settings that words lead to, each once."""
    found = [how for word in words for pattern, how in table if re.search(pattern, word, re.I)]
    return list(dict.fromkeys(found))
