"""The whole package replaced by the foreign one of docs/contract.md: everything else goes on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.foreign import replace_package
from tests.generated.conftest import ReadyProject
from tests.generated.serving import Served

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("contract"),  # the tests share a repository, in this order
    pytest.mark.skipif(os.name == "nt", reason="set up with make"),
]


@pytest.fixture(scope="module")
def foreign(ready: ReadyProject, tmp_path_factory: pytest.TempPathFactory) -> Served:
    """A repository with the package and the gate that docs/contract.md shows."""
    project = ready.copy(tmp_path_factory.mktemp("foreign") / "repository")
    replace_package(project.path)
    return Served(project, project.path)


def test_it_is_nine_lines(foreign: Served) -> None:
    text = (foreign.project.path / "src" / "penguins_model" / "train.py").read_text("utf-8")
    assert len([line for line in text.splitlines() if line.strip()]) <= 9


def test_data_and_model_go_on(foreign: Served) -> None:
    code, data = foreign.drive("data")
    assert code == 0, data
    code, answer = foreign.drive("model")
    assert code == 0, answer
    assert answer["registered"], answer["reason"]
    assert answer["metrics"] == {"accuracy": 0.9}
    page = Path(answer["report"]).read_text(encoding="utf-8")
    assert "accuracy" in page
    assert "0.9" in page


def test_what_cannot_be_compared_is_refused(foreign: Served) -> None:
    train = foreign.project.path / "src" / "penguins_model" / "train.py"
    train.write_text(train.read_text("utf-8").replace("0.9", "0.95"), encoding="utf-8")
    code, refused = foreign.drive("model")
    assert code == 0
    assert not refused["registered"]
    assert "--replace-champion" in refused["reason"]
    code, replaced = foreign.drive("model", "--replace-champion")
    assert code == 0
    assert replaced["model"]["version"] == "2"


def test_it_is_served(foreign: Served) -> None:
    answer = foreign.deploy("--set", "endpoint.port=0")
    assert answer["switched"]
    assert foreign.score([{"any": 1}, {"any": 2}]) == {"predictions": ["FEMALE", "FEMALE"]}
    code, gone = foreign.drive("deploy", "--delete")
    assert (code, gone["deleted"]) == (0, True)


def test_the_owners_tests_pass(foreign: Served) -> None:
    flags = ("-q", "-p", "no:cacheprovider", "-n", "0")
    done = foreign.project.run(foreign.project.python, "-m", "pytest", *flags)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
