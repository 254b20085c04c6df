"""What a person meets in a repository's life: the same wherever the drivers work.

README.md beside this file is the table of it; `RENEW_PARITY=1` writes it anew.
"""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.azure.retraining import given, let_in
from tests.parity.places import Place

TABLE = Path(__file__).with_name("README.md")
# By which a search picks, of a table whose task nobody named.
PRIMARY = "gate.rules.classification.primary_metric=accuracy"
# What a place cannot meet, and why.
NO_SERVICE = "this machine asks no service, so none can refuse"
CANNOT = {
    ("expired_token", "local"): NO_SERVICE,
    ("throttled", "local"): NO_SERVICE,
    ("forbidden", "local"): NO_SERVICE,
    ("promotion", "local"): "this machine is one workspace",
    ("pipeline", "v1"): "src/pipeline.py is written in SDK v2, the template's option for it",
}


def parameters(**given: Any) -> tuple[str, str]:
    """The flag that tells the package's train.py something."""
    return "--set", f"training.parameters={given}"


@contextmanager
def changed(file: Path, end: str = "\n# another line\n") -> Iterator[None]:
    """A file of the owner's with more at its end, meanwhile."""
    before = file.read_text(encoding="utf-8")
    file.write_text(before + end, encoding="utf-8")
    yield
    file.write_text(before, encoding="utf-8")


def bytes_of(folder: Path) -> set[tuple[str, bytes]]:
    """The names and bytes of the files below a folder."""
    return {(path.name, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def first(place: Place) -> dict[str, dict[str, Any]]:
    """What the four drivers answered when nothing was there yet."""
    return {name: place.done(name) for name in ("data", "environment", "model", "deploy")}


@pytest.fixture(autouse=True)
def met(place: Place, request: pytest.FixtureRequest) -> Iterator[None]:
    """Skips what a place cannot meet; no fault outlives its test."""
    scenario = request.node.originalname.removeprefix("test_")
    if reason := CANNOT.get((scenario, place.name)):
        pytest.skip(reason)
    yield
    if place.standin:
        place.standin.clear_faults()


def test_first(place: Place, first: dict[str, dict[str, Any]]) -> None:
    assert first["data"]["data"]["created"]
    assert first["data"]["data"]["rows"] == 344
    trained = first["model"]
    assert (trained["status"], trained["registered"]) == ("Completed", True)
    assert trained["model"]["version"] == "1"
    report = (place.project.path / trained["report"]).read_text(encoding="utf-8")
    assert re.search(r"Experiment .+ · \d[\d.]* s</p>", report), "it does not say how long it took"
    assert first["deploy"]["switched"]
    assert place.done("deploy", "--status")["status"] == "Ready"


def test_second(place: Place, first: dict[str, dict[str, Any]]) -> None:
    mark = place.mark()
    again = {name: place.done(name) for name in first}
    assert not again["data"]["data"]["created"]
    assert not again["environment"]["environment"]["created"]
    assert again["model"]["run_id"] == first["model"]["run_id"]
    assert again["model"]["model"] == first["model"]["model"]
    assert not again["deploy"]["switched"]
    assert place.changed(mark) == []


def test_changed_line(place: Place, first: dict[str, dict[str, Any]]) -> None:
    with changed(place.package / "train.py"):
        trained = place.done("model")
    assert trained["run_id"] != first["model"]["run_id"]
    assert (trained["registered"], trained["model"]["version"]) == (True, "2")
    environment = place.done("environment")["environment"]
    assert not environment["created"]
    assert environment["version"] == first["environment"]["environment"]["version"]


def test_refusal(place: Place, first: dict[str, dict[str, Any]]) -> None:
    answer = place.drive("model", *parameters(accuracy=0.05))
    assert answer.code == 0, answer.said
    assert answer.record["status"] == "Completed" and not answer.record["registered"]
    assert "accuracy" in answer.record["reason"]


def test_failed_job(place: Place, first: dict[str, dict[str, Any]]) -> None:
    answer = place.drive("model", *parameters(fail=True))
    assert answer.code == 1
    assert answer.record["status"] == "Failed"
    assert "told to fail" in answer.said


def test_failed_smoke_test(place: Place, first: dict[str, dict[str, Any]]) -> None:
    broken = "\n\ndef run(raw_data):\n    return {'predictions': []}\n"
    with changed(place.package / "score.py", broken):
        answer = place.drive("deploy", "--model-version", "1")
    assert answer.code == 1, answer.said
    assert answer.record["rolled_back"] and not answer.record["switched"]
    status = place.done("deploy", "--status")
    assert status["deployment"] == first["deploy"]["deployment"]
    assert status["status"] == "Ready"


def test_rollback(place: Place, first: dict[str, dict[str, Any]]) -> None:
    assert place.done("deploy", "--model-version", "2")["switched"]
    back = place.done("deploy", "--rollback")
    assert back["model"]["version"] == "1"
    assert back["deployment"] == first["deploy"]["deployment"]
    assert not place.done("deploy", "--due")["switched"]  # what a person took back stays away


def test_batch(place: Place, first: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    """A file here, by the registered model; test_v2_batch.py has tables in a datastore."""
    rows, scored = tmp_path / "rows.csv", tmp_path / "scored.csv"
    rows.write_text("Island,Id\nBiscoe,b\nAtlantis,a\n", encoding="utf-8")
    flags = ("--batch", str(rows), "--out", str(scored), "--keep", "Id", "--model-version", "1")
    done = place.done("deploy", *flags)
    assert (done["batch"]["rows"], done["model"]["version"]) == (2, "1")
    head, known, unknown = scored.read_text(encoding="utf-8").splitlines()
    assert (head, unknown) == ("Id,prediction", "a,")
    assert re.fullmatch(r"b,(FEMALE|MALE)", known)
    wrong = place.drive("deploy", "--batch", str(place.package / "train.py"), *flags[2:])
    assert wrong.code == 2 and "Island" in wrong.record["error"]


def test_search(place: Place, first: dict[str, dict[str, Any]]) -> None:
    """The best of two trials: a sweep job by SDK v2, elsewhere one job."""
    told = ("training.search={accuracy: [0.7, 0.3]}", "model.name=searched", PRIMARY)
    flags = [f"--set={text}" for text in told]
    done = place.done("model", *flags)
    assert done["registered"] and done["metrics"] == {"accuracy": 0.7}
    found = dict(done["search"])
    assert (found.pop("trial") is not None) == (place.name == "v2")
    assert found == {"metric": "accuracy", "score": 0.7, "parameters": {"accuracy": 0.7}}
    mark = place.mark()
    again = place.done("model", *flags)
    assert (again["run_id"], again["search"]) == (done["run_id"], done["search"])
    assert place.changed(mark) == []


@pytest.fixture
def acting(place: Place) -> Iterator[None]:
    """What steps act as, where they need one."""
    if place.standin is None:
        yield
        return
    with let_in(place.standin), given(place.standin):
        yield


def test_pipeline(place: Place, first: dict[str, dict[str, Any]], acting: None) -> None:
    """The training in steps; test_v2_pipeline.py has schedules, identities and YAML."""
    flags = ["--set=model.name=piped"]
    done = place.done("pipeline", *flags)
    assert list(done["steps"]) == ["prepare", "train", "evaluate", "register"]
    assert (done["status"], done["registered"], done["model"]["version"]) == (
        "Completed",
        True,
        "1",
    )
    assert done["metrics"] == first["model"]["metrics"]
    mark = place.mark()
    again = place.done("pipeline", *flags)
    assert (again["run_id"], again["created"]) == (done["run_id"], False)
    assert place.changed(mark) == []
    failed = place.drive("pipeline", *flags, *parameters(fail=True))
    assert failed.code == 1 and list(failed.record["steps"]) == ["prepare", "train"]
    assert "step train: " in failed.record["error"] and "told to fail" in failed.record["error"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_interrupted(place: Place, first: dict[str, dict[str, Any]]) -> None:
    process = place.start("model", *parameters(sleep=5))
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if "reading" in line:  # the job's own line: it runs
            break
    process.send_signal(signal.SIGINT)
    said += process.communicate(timeout=60)[1]
    assert process.returncode == 130, said
    [run_id] = set(re.findall(r"--resume ([\w.-]+)", said))
    answer = place.drive("model", "--resume", run_id)
    assert answer.code == 0, answer.said
    assert (answer.record["run_id"], answer.record["status"]) == (run_id, "Completed")


def test_expired_token(place: Place, first: dict[str, dict[str, Any]]) -> None:
    assert place.standin
    laid = place.standin.fault(path="/runs/|/jobs/", method="GET", after=3, expire_token=True)
    answer = place.drive("model", *parameters(sleep=4, accuracy=0.6))
    assert laid.hits and answer.code == 0, answer.said
    assert answer.record["status"] == "Completed"


def test_throttled(place: Place, first: dict[str, dict[str, Any]]) -> None:
    assert place.standin
    wait = {"Retry-After": "1"}
    laid = place.standin.fault(
        path="/runs/|/jobs/", method="GET", after=3, status=429, count=4, headers=wait
    )
    answer = place.drive("model", *parameters(sleep=3, accuracy=0.7))
    assert laid.hits and answer.code == 0, answer.said
    assert answer.record["status"] == "Completed"


def test_forbidden(place: Place, first: dict[str, dict[str, Any]]) -> None:
    assert place.standin
    account = place.standin.account
    held = set(account.roles)
    account.set_roles(["Reader"])
    try:
        answer = place.drive("model", *parameters(accuracy=0.8))
    finally:
        account.set_roles(held)
    assert answer.code == 1, answer.said
    assert "AzureML Data Scientist" in answer.record["error"]
    [line] = [line for line in answer.said.splitlines() if line.startswith("error: ")]
    assert account.client_secret not in line


def to_registry(place: Place, mark: int) -> list[str]:
    """What was sent to a registry since then."""
    assert place.standin
    asked = place.standin.journal.since(mark)
    return [e.path for e in asked if "experiments.azureml.net" in e.host and e.method == "PUT"]


def cut_off_after_the_registry(
    place: Place, workspace: str, production: tuple[str, ...], variables: dict[str, str]
) -> dict[str, str]:
    """The tags of a model that a promotion left in a registry; first those that it refused."""
    assert place.standin
    account, registries = place.standin.account, place.standin.azure.v2.registries
    with (place.project.path / "config.prod.yml").open("a", encoding="utf-8") as file:
        file.write("  registry: parity\n")
    mark = place.mark()
    none = place.drive("deploy", *production, "--due", **variables)
    assert none.code == 1 and "there is no Azure ML registry 'parity'" in none.record["error"]
    registry, held = registries.add("parity"), set(account.roles)
    account.set_roles(["AzureML Data Scientist", "Reader", "Storage Blob Data Contributor"])
    try:
        forbidden = place.drive("deploy", *production, "--due", **variables)
    finally:
        account.set_roles(held)
    assert forbidden.code == 1 and "may not write to" in forbidden.record["error"]
    assert all("AzureML Registry User" in one.record["error"] for one in (none, forbidden))
    kept = place.standin.azure.v2.registry_assets.models
    assert not any(kept.values())
    place.standin.fault(path=f"/workspaces/{workspace}/models/", method="PUT", status=400)
    cut = place.drive("deploy", *production, "--due", **variables)
    place.standin.clear_faults()
    assert cut.code == 1 and to_registry(place, mark), cut.said
    [(key, versions)] = kept.items()
    assert key[0] == registry.id.lower() and list(versions) == ["1"]
    tags: dict[str, str] = versions["1"].properties["tags"]
    assert tags["run_id"], "the lineage of the model that staging serves"
    return tags


def test_promotion(place: Place, first: dict[str, dict[str, Any]]) -> None:
    """What staging serves, not the newest, goes by its bytes to a workspace of production's own."""
    assert place.standin
    group, name = f"prod-{place.name}-rg", f"prod-{place.name}-ws"
    variables = place.standin.add_workspace(group, name)
    config = place.project.path / "config.yml"
    text = config.read_text(encoding="utf-8")
    for key in ("subscription_id", "resource_group", "workspace_name"):
        value = getattr(place.standin.account, key)
        text = re.sub(rf"(?m)^  {key}: .*$", f'  {key}: "{value}"', text)
    config.write_text(text, encoding="utf-8")
    with (place.project.path / "config.prod.yml").open("a", encoding="utf-8") as file:
        file.write(f"\nazure:\n  resource_group: {group}\n  workspace_name: {name}\n")
    production = ("--env", "prod")

    serves = place.done("deploy", "--status")["model"]["version"]
    mark = place.mark()
    due = place.done("deploy", *production, "--status")["due"]  # with the variables of staging
    assert (due["is"], due["version"]) == (True, serves)
    looked = [entry.path for entry in place.standin.journal.since(mark)]
    assert any(f"/workspaces/{name}/" in path for path in looked)
    with changed(place.package / "score.py"):
        other = place.done("deploy", *production, "--due", **variables)
    assert not other["switched"] and "another code" in other["due"]["reason"]
    another = place.done("deploy", *production, "--due", "--model-version", "99", **variables)
    assert not another["switched"]

    if place.name == "v2":
        sent = cut_off_after_the_registry(place, name, production, variables)
    mark = place.mark()
    done = place.done("deploy", *production, "--due", "--model-version", serves, **variables)
    assert done["switched"]
    if place.name == "v2":
        assert to_registry(place, mark) == [], "an equal content is not sent again"
        [kept] = place.standin.azure.neighbours[-1].v2.assets.kept("models").values()
        tags = kept.versions["1"].properties["tags"]
        assert tags["promoted_by"] == f"azureml://registries/parity/models/{kept.name}/versions/1"
        assert tags["content"] == sent["content"] and tags["promoted_from"] == sent["promoted_from"]
    mark = place.mark()
    again = place.done("deploy", *production, "--due", **variables)
    assert not again["switched"] and "serves as it should" in again["due"]["reason"]
    assert place.changed(mark) == []
    # What the driver read from each workspace's storage.
    home = place.project.path / ".local-workspace" / "azure" / place.standin.account.subscription_id
    read = [bytes_of(home / one / "models") for one in (place.standin.account.workspace_name, name)]
    assert read[1] and read[1] <= read[0]
