"""Environments on Azure ML: what decides their version, and what images are made of."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from amlkit.azure.wheels import CONTAINER, ORIGIN, content_name

from standin import StandIn
from tests.azure.conftest import AzureProject


def wheel(folder: Path, name: str, answer: str, version: str = "1.0") -> Path:
    """A pure-Python wheel with one module whose `ANSWER` is `answer`."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"ANSWER = {answer!r}\n")
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


def registered(project: AzureProject, name: str) -> dict[str, Any]:
    """The definition of an environment as another client reads it."""
    return dict(
        project.sdk(
            """
            from azureml.core import Environment
            found = Environment.get(workspace, sys.argv[1])
            print(json.dumps({
                "version": found.version,
                "conda": found.python.conda_dependencies.as_dict(),
                "image": found.docker.base_image,
                "managed": found.python.user_managed_dependencies,
            }))
            """,
            name,
        )
    )


def small(project: AzureProject, name: str) -> list[str]:
    """Flags for environments of two packages, which are made in a moment."""
    for lock in ("small-train.txt", "small-serve.txt"):
        (project.path / lock).write_text("six==1.17.0\n", encoding="utf-8")
    return [
        *("--set", f"environment.name={name}", "--set", f"endpoint.environment.name={name}-serve"),
        *("--set", "azure.environment.training_lock=small-train.txt"),
        *("--set", "azure.environment.serving_lock=small-serve.txt"),
    ]


def test_a_wheel_of_the_same_name_and_another_content_is_another_environment(
    project: AzureProject, standin: StandIn
) -> None:
    flags = small(project, "wheels")
    wheel(project.path / "wheels", "house_rules", "old")
    first = project.done("environment", *flags)["environment"]
    again = project.done("environment", *flags)["environment"]
    assert (again["version"], again["created"]) == (first["version"], False)
    wheel(project.path / "wheels", "house_rules", "new")
    mark = standin.journal.mark()
    second = project.done("environment", *flags)["environment"]
    assert second["created"]
    assert second["version"] != first["version"]
    sent = standin.journal.find(method="PUT", host=r"\.blob\.", path_regex=r"\.whl", since=mark)
    assert len({entry.path for entry in sent}) == 1
    found = registered(project, "wheels")
    assert re.search(r":\d{8}\.v\d+$", found["image"]), "of a date that config.yml names"
    named = [pip for pip in pips(found) if "house_rules" in pip]
    assert len(named) == 1
    assert sent[0].path.rsplit("/", 1)[1] in named[0]


def pips(definition: dict[str, Any]) -> list[str]:
    """The pip packages of a definition."""
    (found,) = [
        part["pip"] for part in definition["conda"]["dependencies"] if isinstance(part, dict)
    ]
    return list(found)


def test_the_definition_says_all_that_config_yml_asks_for(project: AzureProject) -> None:
    flags = small(project, "asked")
    flags += ["--set", "azure.environment.python='3.12'"]
    flags += ["--set", "azure.environment.conda_packages=[libgomp=14.2]"]
    flags += ["--set", "azure.environment.conda_channels=[https://conda.example.com/main]"]
    flags += ["--set", "azure.environment.package_index=https://pypi.example.com/simple"]
    flags += ["--set", "azure.environment.base_image=mcr.microsoft.com/azureml/minimal:1"]
    project.done("environment", *flags)
    found = registered(project, "asked")
    parts = found["conda"]["dependencies"]
    assert "python=3.12" in parts
    assert "libgomp=14.2" in parts
    assert found["conda"]["channels"] == ["https://conda.example.com/main"]
    pinned, *addresses, index = pips(found)
    assert (pinned, index) == ("six==1.17.0", "--index-url https://pypi.example.com/simple")
    names = [wheel.stem.split("-")[0] for wheel in sorted(project.path.glob("wheels/*.whl"))]
    assert [address.rsplit("/", 1)[1].split("-")[0] for address in addresses] == names
    assert found["image"] == "mcr.microsoft.com/azureml/minimal:1"


def test_a_ready_made_image_is_used_as_it_is(project: AzureProject, standin: StandIn) -> None:
    builds = len(standin.builds)
    flags = small(project, "ready")
    flags += ["--set", "azure.environment.training_image=registry.example.com/train:7"]
    flags += ["--set", "azure.environment.serving_image=registry.example.com/serve:7"]
    assert project.done("environment", *flags)["environment"]["created"]
    found = registered(project, "ready")
    assert found["image"] == "registry.example.com/train:7"
    assert found["managed"]
    assert len(standin.builds) == builds


def test_a_line_of_the_environment_function_builds_once(
    project: AzureProject, standin: StandIn
) -> None:
    driver = project.path / "src" / "environment.py"
    before, end = driver.read_text(encoding="utf-8"), "    return env\n\n\ndef private_wheel"
    assert end in before
    flags = small(project, "changed")
    first = project.done("environment", *flags)["environment"]
    try:
        driver.write_text(before.replace(end, "    # a comment\n" + end), encoding="utf-8")
        same = project.done("environment", *flags)["environment"]
        assert (same["version"], same["created"]) == (first["version"], False)
        builds = len(standin.builds)
        added = '    env.python.conda_dependencies.add_pip_package("idna==3.10")\n'
        driver.write_text(before.replace(end, added + end), encoding="utf-8")
        second = project.done("environment", *flags)["environment"]
        again = project.done("environment", *flags)["environment"]
    finally:
        driver.write_text(before, encoding="utf-8")
    assert second["created"]
    assert (again["version"], again["created"]) == (second["version"], False)
    assert len(standin.builds) == builds + 1  # one image for two environments of one content
    assert "idna==3.10" in pips(registered(project, "changed"))


def test_an_upload_of_a_wheel_that_was_cut_off_is_mended(
    project: AzureProject, standin: StandIn
) -> None:
    flags = small(project, "cut-off")
    added = wheel(project.path / "wheels", "cut_off", "whole")
    try:
        standin.fault(
            path=r"cut_off.*\.whl", method="PUT", host=r"\.blob\.", status=403, code="AuthFailure"
        )
        answer = project.drive("environment", *flags)
        assert answer.code == 1, answer.said
        mended = project.drive("environment", *flags)
        assert mended.code == 0, mended.said
        assert "had been cut off" in mended.said
        (address,) = [pip for pip in pips(registered(project, "cut-off")) if "cut_off" in pip]
        blob = address.split("/azureml/", 1)[1]
        assert standin.blobs.get("azureml", blob) == added.read_bytes()
    finally:
        added.unlink()


def test_a_wheel_that_sdk_v2_sent_is_taken_as_it_is(
    project: AzureProject, standin: StandIn
) -> None:
    """Where a workspace was used by v2 before: the bytes are there, and no record of them."""
    flags = small(project, "changed-over")
    added = wheel(project.path / "wheels", "changed_over", "whole")
    try:
        blob = f"{ORIGIN}/{CONTAINER}/{content_name(added)}"
        standin.blobs.put("azureml", blob, added.read_bytes())
        project.done("environment", *flags)
        (address,) = [
            pip for pip in pips(registered(project, "changed-over")) if "changed_over" in pip
        ]
        assert address.endswith(f"/azureml/{blob}")
    finally:
        added.unlink()


def test_an_image_that_cannot_be_built_shows_why(project: AzureProject, standin: StandIn) -> None:
    flags = small(project, "broken")
    (project.path / "small-train.txt").write_text("six==99.99.99\n", encoding="utf-8")
    answer = project.drive("environment", *flags)
    assert answer.code == 1
    assert "was not built" in answer.record["error"]
    assert "six==99.99.99" in answer.said
    # The same command works once the lock is mended.
    flags = small(project, "broken")
    assert project.done("environment", *flags)["environment"]["created"]


def test_the_cluster_that_builds_is_named(project: AzureProject, standin: StandIn) -> None:
    flags = [*small(project, "private"), "--set", "azure.environment.build_compute=cpu-cluster"]
    (project.path / "small-train.txt").write_text("six==1.16.0\n", encoding="utf-8")
    known = len(standin.builds)
    project.done("environment", *flags)
    assert {build.compute for build in standin.builds[known:]} == {"cpu-cluster"}


@pytest.mark.parametrize("status", [503, pytest.param(429, marks=pytest.mark.sweep)])
def test_a_build_outlives_an_outage(status: int, project: AzureProject, standin: StandIn) -> None:
    flags = small(project, f"outage-{status}")
    (project.path / "small-train.txt").write_text(f"six==1.17.0\nidna==3.{status % 5 + 4}\n")
    fault = standin.fault(path="imagebuilds", method="GET", status=status, count=6)
    assert project.done("environment", *flags)["environment"]["created"]
    assert fault.hits == 6
