"""`checkout`: the commit of the run, with as much of its history as was asked for."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import NotPlayed
from .results import StepResult

if TYPE_CHECKING:
    from .agent import Agent

SHALLOW = "1"  # what pipelines made since 2022 fetch unless told otherwise


def check_out(agent: Agent, inputs: Mapping[str, str], result: StepResult) -> None:
    """Fetch and check out the run's commit; `none` does nothing."""
    if inputs[""] == "none":
        return
    if inputs[""] != "self":
        raise NotPlayed(f"checkout of {inputs['']}")
    depth = inputs.get("fetchDepth", SHALLOW)
    if not (agent.sources / ".git").is_dir():
        git(agent.sources, "init", "--quiet")
        git(agent.sources, "remote", "add", "origin", agent.service.repository.as_uri())
    if depth == "0":
        git(agent.sources, "fetch", "--quiet", "origin", "+refs/heads/*:refs/remotes/origin/*")
    shallow = () if depth == "0" else (f"--depth={depth}", "--no-tags")
    git(agent.sources, "fetch", "--quiet", *shallow, "origin", agent.run.commit)
    git(agent.sources, "checkout", "--quiet", "--force", agent.run.commit)
    result.log += f"checked out {agent.run.commit}, fetchDepth {depth}\n"


def git(folder: Path, *arguments: str) -> str:
    """What git answers in a folder, without the settings of whoever runs the tests."""
    settings = {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_CONFIG_COUNT": "1",  # a commit may be fetched by its name, as from Azure Repos
        "GIT_CONFIG_KEY_0": "uploadpack.allowAnySHA1InWant",
        "GIT_CONFIG_VALUE_0": "true",
    }
    return subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env={**os.environ, **settings},
        check=True,
        capture_output=True,
        encoding="utf-8",
    ).stdout.strip()
