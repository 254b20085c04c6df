"""What else the drivers of SDK v2 do: tables scored where they lie, and YAML for `az ml`."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from standin import StandIn
from tests.azure.changes import changes
from tests.azure.conftest import AzureProject
from tests.azure.test_v2_deploy import repository as repository  # a fixture

STORE = "azureml://datastores/workspaceblobstore/paths"


@pytest.fixture(scope="module")
def cluster(standin: StandIn, repository: AzureProject) -> tuple[str, ...]:
    """What names the cluster."""
    standin.add_compute("batch-cluster")
    return ("--set", "azure.batch.compute=batch-cluster")


def read(path: Path) -> list[list[str]]:
    """The lines of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def expected(lines: list[list[str]]) -> list[list[str]]:
    """What the sample's rule says of each row, as its train.py learns it."""
    header, *rows = lines
    island, sex = header.index("Island"), header.index("Sex")
    known = [row for row in rows if row[sex] not in ("", "NA")][::2]
    votes: dict[str, Counter[str]] = {}
    for row in known:
        votes.setdefault(row[island], Counter())[row[sex]] += 1
    rule = {name: count.most_common(1)[0][0] for name, count in votes.items()}
    return [["Sample Number", "prediction"], *([row[1], rule[row[island]]] for row in rows)]


def test_a_data_asset_is_scored_where_it_lies(
    repository: AzureProject, cluster: tuple[str, ...]
) -> None:
    name = repository.done("data")["data"]["name"]
    flags = ("--model-version", "1", "--keep", "Sample Number", *cluster)
    said = repository.done("deploy", "--batch", f"azureml:{name}", "--out", "there.csv", *flags)
    assert said["batch"]["rows"] == 344
    scored = read(repository.path / "there.csv")
    assert scored == expected(read(repository.path / "data" / "penguins.csv"))


def test_parts_are_scored_each_into_its_own_by_what_is_there_already(
    repository: AzureProject, cluster: tuple[str, ...], standin: StandIn
) -> None:
    container = standin.azure.datastores.container_of("workspaceblobstore")
    lines = (repository.path / "data" / "penguins.csv").read_text("utf-8").splitlines(True)
    for part in range(3):
        rows = "".join([lines[0], *lines[1 + part * 10 : 11 + part * 10]])
        standin.blobs.put(container, f"landing/in-parts/p{part}.csv", rows.encode())
    for of_spark in ("_SUCCESS", ".p0.csv.crc"):  # which the service hands over with the others
        standin.blobs.put(container, f"landing/in-parts/{of_spark}", of_spark[:1].encode())
    flags = ("--model-version", "1", "--keep", "Sample Number", *cluster)
    mark = standin.journal.mark()
    parts = ("--batch", f"{STORE}/landing/in-parts", "--out", f"{STORE}/scored/parts")
    there = repository.done("deploy", *parts, *flags)["batch"]["files"]
    assert there == [f"{STORE}/scored/parts/p{part}.csv" for part in range(3)]
    assert not standin.journal.find(method="PUT", path_regex="batchEndpoints|codes", since=mark)
    kept = []
    for place in there:
        text = (standin.blobs.get(container, place.removeprefix(f"{STORE}/")) or b"").decode()
        kept += [row[0] for row in csv.reader(text.splitlines())][1:]
    assert kept == [row[1] for row in csv.reader(lines[1:31])]


def test_a_table_that_will_not_do_fails_the_job_with_its_log(
    repository: AzureProject, cluster: tuple[str, ...], standin: StandIn
) -> None:
    container = standin.azure.datastores.container_of("workspaceblobstore")
    standin.blobs.put(container, "landing/wrong.csv", b"a,b\n1,2\n")
    wrong = ("--batch", f"{STORE}/landing/wrong.csv", "--out", "wrong.csv", "--model-version", "1")
    answer = repository.drive("deploy", *wrong, *cluster)
    assert answer.code == 1
    assert "there is no column 'Island'" in answer.record["error"], answer.said
    assert "the last lines of its log:" in answer.said
    assert not (repository.path / "wrong.csv").exists()
    standin.blobs.put(container, "landing/_hidden.csv", b"a,b\n1,2\n")
    hidden = repository.drive("deploy", "--batch", f"{STORE}/landing/_hidden.csv", *wrong[2:])
    assert hidden.code == 2 and "begins with a point or an underscore" in hidden.record["error"]
    for name in ("MLTable", "a.csv", "b.csv"):
        standin.blobs.put(container, f"landing/described/{name}", b"a,b\n1,2\n")
    described = repository.drive("deploy", "--batch", f"{STORE}/landing/described", *wrong[2:])
    assert described.code == 2, described.said
    assert "reads no MLTable; name one of its files at a time, such as " in described.said
    assert f"{STORE}/landing/described/a.csv, or " in described.said


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("azureml:none:1", "there is no such data asset"),
        (f"{STORE}/nowhere", "there is no table at nowhere"),
    ],
)
def test_what_is_not_there_is_said(repository: AzureProject, source: str, words: str) -> None:
    answer = repository.drive("deploy", "--batch", source, "--out", "x.csv")
    assert answer.code == 2 and words in answer.record["error"], answer.said


EXPORTED = """
import json, sys, warnings
warnings.simplefilter("ignore")
from pathlib import Path
from azure.ai.ml import load_environment, load_job, load_online_deployment, load_online_endpoint
at = Path(sys.argv[1])
print(json.dumps([
    load_environment(str(at / "environment.yml")).version,
    load_environment(str(at / "environment-serving.yml")).version,
    load_job(str(at / "job.yml")).command,
    load_online_endpoint(str(at / "endpoint.yml")).auth_mode,
    load_online_deployment(str(at / "deployment.yml")).code_configuration.scoring_script,
]))
"""


def test_what_would_be_sent_is_written_as_yaml(
    repository: AzureProject, standin: StandIn, tmp_path: Path
) -> None:
    # What earlier calls have copied.
    shutil.rmtree(repository.path / ".local-workspace" / "code", ignore_errors=True)
    mark = standin.journal.mark()
    for driver in ("environment", "model", "deploy"):
        done = repository.done(driver, "--export", str(tmp_path))["export"]
        assert done["commands"] and all(name for name in done["files"])
    assert changes(standin, mark) == []
    found = subprocess.run(
        [repository.python, "-c", EXPORTED, str(tmp_path)],
        env=repository.environment(),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    training, serving, command, auth, script = json.loads(found.stdout.splitlines()[-1])
    assert re.fullmatch("[0-9a-f]{12}", training) and re.fullmatch("[0-9a-f]{12}", serving)
    assert "${{inputs.data}}" in command and auth == "aad_token"
    assert (tmp_path / "deployment-code" / script).is_file()
    text = "".join(path.read_text("utf-8") for path in tmp_path.glob("*.yml"))
    assert str(repository.path) not in text and "code: ./deployment-code" in text
