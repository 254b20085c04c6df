"""Fixtures for tests of the bootstrap; `conftest.py` hands them out."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from bootstrap_double import SUBSCRIPTION, DoubleOfAz

from amlkit.provision.cloud.client import Client
from amlkit.provision.context import Context, open_context
from amlkit.provision.state import State
from amlkit.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[1] / "sample"
Open = Callable[..., Context]
# What a first apply makes where there is nothing.
MADE = (
    *("resource group", "storage account", "container", "Key Vault", "Log Analytics"),
    *("Application Insights", "workspace", "cluster"),
    *("application", "service principal", "role on the workspace", "role on the data"),
)


@lru_cache
def settings_with(*changes: tuple[str, Any]) -> Settings:
    """The settings of config.yml with these changes; a list is given as a tuple, to be kept."""
    given = [("azure.subscription_id", SUBSCRIPTION), *changes]
    given = [(key, list(v) if isinstance(v, tuple) else v) for key, v in given]
    return load_settings(ROOT, overrides=[(*pair, "--set") for pair in given], environ={})


def with_az(context: Context, az: DoubleOfAz, folder: Path | None = None) -> Context:
    """The same context in another subscription, in a folder with a state file of its own."""
    context.client = Client(az)
    if folder:
        folder.mkdir(exist_ok=True)
        context.state = State(folder, context.names)
    return context


@pytest.fixture()
def az() -> DoubleOfAz:
    """An empty subscription, and one who may do everything in it."""
    return DoubleOfAz()


@pytest.fixture()
def opened(az: DoubleOfAz, tmp_path: Path) -> Open:
    """A function that opens what a command works with; flags as keywords, settings as pairs."""

    def opened(*changes: tuple[str, Any], **flags: Any) -> Context:
        settings = settings_with(*changes)
        usual = {
            "env": None,
            "set": [],
            "json": True,
            "yes": True,
            "for_admin": False,
            "purge": False,
            "data": None,
            "recover": False,
        }
        args = argparse.Namespace(**usual | {"command": ""} | flags)
        context = open_context(args, replace(settings, root=tmp_path))
        context.client = Client(az)
        return context

    return opened
