"""A secret's way to GitHub, with a double of `gh`: a script that writes down what it is given."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cloud_double import CLIENT, TENANT, Cloud, opened, some_settings, state_in

from amlkit.provision.cloud.failures import Failure
from amlkit.provision.credentials import run
from amlkit.provision.state import State
from amlkit.settings import Settings

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the double of gh is a script with #!")

GH = """#!{python}
import json, os, sys, time
words = sys.argv[1:]
time.sleep(float(os.environ.get("GH_SECONDS", 0)))
given = "" if words[0] == "repo" else sys.stdin.read()
with open({log!r}, "a") as log:
    log.write(json.dumps([words, given]) + "\\n")
failure = os.environ.get("GH_FAILURE")
if failure and words[2] == "SPN_PASSWORD":
    sys.exit(failure.replace("VALUE", given))
print("contoso/house" if words[0] == "repo" else "")
"""


@pytest.fixture
def settings() -> Settings:
    return some_settings()


@pytest.fixture
def state(settings: Settings, tmp_path: Path) -> State:
    return state_in(tmp_path, settings)


@pytest.fixture(autouse=True)
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Puts the double on PATH; returns where it writes what it is given."""
    program = tmp_path / "bin" / "gh"
    program.parent.mkdir()
    text = GH.format(python=sys.executable, log=str(tmp_path / "log"))
    program.write_text(text, encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "log"


def test_all_are_secrets_of_the_environment(settings: Settings, state: State, log: Path) -> None:
    cloud = Cloud()
    run(opened(cloud, settings, state, "--to", "github", "--env", "prod"))
    first, *asked = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert first[0][:2] == ["repo", "view"]
    given = {(words[0], words[2]): value for words, value in asked}
    assert given == {
        ("secret", "TENANT_ID"): TENANT,
        ("secret", "SPN_ID"): CLIENT,
        ("secret", "SUBSCRIPTION_ID"): settings.azure.subscription_id,
        ("secret", "RESOURCE_GROUP"): settings.azure.resource_group,
        ("secret", "AML_WORKSPACE_NAME"): settings.azure.workspace_name,
        ("secret", "SPN_PASSWORD"): cloud.ours[0],
    }
    slug = settings.azure.bootstrap.variable_group
    for words, value in asked:
        assert words[3:] == ["--repo", "contoso/house", "--env", f"{slug}-prod"]
        assert value not in words


@pytest.mark.parametrize(
    ("flags", "environment"),
    [((), "ours-staging"), (("--env", "prod"), "live"), (("--env", "test"), "ours-test")],
)
def test_the_environment_is_the_one_that_the_workflow_names(
    flags: tuple[str, ...],
    environment: str,
    settings: Settings,
    state: State,
    log: Path,
    tmp_path: Path,
) -> None:
    workflow = tmp_path / ".github/workflows/train-and-deploy.yml"
    workflow.parent.mkdir(parents=True)
    jobs = {"staging": "{name: ours-staging}", "production": "live"}
    lines = [f"  {name}: {{environment: {one}}}" for name, one in jobs.items()]
    workflow.write_text("\n".join(["jobs:", *lines]), encoding="utf-8")
    found = replace(settings, root=tmp_path)
    record = run(opened(Cloud(), found, state, "--to", "github", *flags))
    assert record["place"] == f"github contoso/house {environment}"


@pytest.mark.parametrize(
    ("failure", "left"),
    [("HTTP 403: VALUE is not yours to set", 1), ("error connecting to api.github.com", 2)],
    ids=["refused: taken back", "unsure: kept until the next run"],
)
def test_a_secret_that_github_did_not_take_does_not_stay(
    failure: str, left: int, settings: Settings, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = Cloud()
    run(opened(cloud, settings, state, "--to", "github", "--repo", "contoso/house"))
    monkeypatch.setenv("GH_FAILURE", failure)
    with pytest.raises(Failure, match="`gh secret set SPN_PASSWORD` says: ") as refused:
        run(opened(cloud, settings, state, "--to", "github"))
    assert "s3cret" not in str(refused.value)
    assert len(cloud.ours) == left
    monkeypatch.delenv("GH_FAILURE")
    run(opened(cloud, settings, state, "--to", "github"))
    assert len(cloud.ours) == 1


def test_a_gh_that_hangs_is_ended_and_says_nothing_of_azure(
    settings: Settings, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GH_SECONDS", "60")
    monkeypatch.setattr("amlkit.provision.cloud.gh.TIMEOUT", 0.1)
    with pytest.raises(Failure, match=r"`gh repo view .*` gave no answer in 0 s; run this again$"):
        run(opened(Cloud(), settings, state, "--to", "github"))
