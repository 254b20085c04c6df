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


def explained(message: str) -> tuple[str, str]:
    """What forbids it, in a line, and what to do.

    Args:
        message: `Resource 'x' was disallowed by policy. Policy identifiers: '[…]'.`, or several.
    """
    things = list(dict.fromkeys(re.findall(r"Resource '([^']+)' was disallowed", message)))
    found = re.findall(r'policyDefinition\W+name\W+([^"\\]+)', message)
    names = list(dict.fromkeys(found))
    if not names:
        return message, "ask an administrator: a policy of your company forbids it"
    said = f"{', '.join(things) or 'it'}: disallowed by the policy {' and '.join(map(repr, names))}"
    settings = {
        how: None
        for name in names
        for how in (how for pattern, how in _SETTINGS if re.search(pattern, name, re.I))
    }
    if settings:
        return said, f"in config.yml this satisfies it: {'; '.join(settings)} (docs/azure.md)"
    return said, "ask an administrator for an exemption, or for what it asks for"
