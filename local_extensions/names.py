"""Derive the defaults of later answers from earlier ones: valid whatever was typed before."""

from __future__ import annotations

import re

from slugify import slugify  # comes with cookiecutter

from local_extensions import rules

__all__ = [
    "endpoint_for",
    "package_for",
    "production_endpoint_for",
    "region_for",
    "resource_group_for",
    "service_principal_for",
    "slug_for",
    "workspace_for",
]


def slug_for(project_name: str) -> str:
    """Return a folder name for a project of any name."""
    slug = slugify(str(project_name), max_length=rules.SLUG_LENGTH - len("-model"))
    if not slug:  # nothing but emoji, say
        return "azure-ml-model"
    return f"{slug}-model" if rules.project_slug(slug) else slug


def package_for(slug: str) -> str:
    """Return a package name for a project in folder `slug`."""
    package = re.sub(r"[^a-z0-9]+", "_", str(slug).lower())[: rules.PACKAGE_LENGTH - 6].strip("_")
    if package[:1].isdigit():
        package = f"model_{package}"
    elif rules.package_name(package):
        package = f"{package}_model"
    return "my_model" if rules.package_name(package) else package


def resource_group_for(slug: str) -> str:
    """Return the name of a resource group for `slug`."""
    return f"rg-{slug}"


def workspace_for(slug: str) -> str:
    """Return the name of a workspace for `slug`, which may hold periods and be too long."""
    return f"mlw-{slug}".replace(".", "-")[:33].rstrip("-_")


def endpoint_for(slug: str) -> str:
    """Return the name of an endpoint for `slug`: 3 to 32 lowercase letters, digits and hyphens."""
    name = re.sub(r"[^a-z0-9]+", "-", str(slug).lower()).strip("-")
    if not name[:1].isalpha():
        name = f"model-{name}"
    name = name[:32].rstrip("-")
    return name if len(name) > 2 else f"{name}-model"


def production_endpoint_for(slug: str) -> str:
    """Return the name of the endpoint that serves in production beside that of `slug`."""
    name = endpoint_for(slug)
    # Cut to length, a name that ends so already would be the same again.
    suffix = "-live" if name.endswith("-prod") else "-prod"
    return name[: 32 - len(suffix)].rstrip("-") + suffix


def region_for(location: str) -> str:
    """Return the short name of a region that is written as people write it."""
    return rules.region(str(location))


def service_principal_for(slug: str) -> str:
    """Return the name of a service principal for `slug`."""
    return f"sp-{slug}"
