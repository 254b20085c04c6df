"""What all drivers share: help at once, one line for an error, exit codes, one JSON object."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Project

pytestmark = pytest.mark.slow  # each starts a driver

DRIVERS = ("data", "environment", "model", "deploy")
HEAVY = ("numpy", "pandas", "pyarrow", "sklearn", "mlflow", "matplotlib", "yaml", "filelock")


@pytest.mark.parametrize("name", DRIVERS)
def test_help_imports_nothing_heavy(shared: Project, name: str) -> None:
    command = [
        sys.executable,
        "-X",
        "importtime",
        str(shared.root / "src" / f"{name}.py"),
        "--help",
    ]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0
    assert "--local" in done.stdout
    assert "examples:" in done.stdout
    imported = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert not imported & set(HEAVY)


@pytest.mark.parametrize("name", DRIVERS)
def test_without_local_every_missing_setting_is_named(shared: Project, name: str) -> None:
    answer = shared.run(name, "--json")
    assert answer.code == 2
    for variable in ("TENANT_ID", "SPN_ID", "SPN_PASSWORD", "SUBSCRIPTION_ID", "--local"):
        assert variable in answer.json["error"]
    assert answer.json["error"].startswith("on this machine? Add --local.")
    assert len(answer.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("--locl",), "there is no flag --locl; did you mean --local? ", id="misspelt"),
        pytest.param(
            ("--traget", "x"),
            "did you mean --target, a flag of src/data.py? ",
            id="of data too",
        ),
        pytest.param(("--zebra",), "no flag --zebra; model.py --help lists", id="unknown flag"),
        pytest.param(("--target", "card"), "--target is a flag of src/data.py, not", id="of data"),
        pytest.param(("--due=x",), "--due is a flag of src/deploy.py, not", id="of deploy"),
        pytest.param(("--local", "x.csv"), "no flag takes 'x.csv'; model", id="no flag"),
        pytest.param(("--local", "--set", "training.seed"), "KEY=VALUE", id="no value"),
        pytest.param(("--local", "--set", "training.sed=1"), "training.seed", id="unknown key"),
        pytest.param(("--local", "--set", "training.seed=["), "YAML", id="no YAML"),
        pytest.param(("--local", "--env", "none"), "config.none.yml", id="unknown environment"),
    ],
)
def test_wrong_argument_is_one_line_and_exit_2(
    shared: Project, arguments: tuple[str, ...], said: str
) -> None:
    answer = shared.run("model", *arguments)
    assert answer.code == 2
    assert said in answer.err
    assert len(answer.err.strip().splitlines()) == 1
    as_json = shared.run("model", *arguments, "--json")
    assert as_json.code == 2
    assert said in as_json.json["error"]


def test_a_table_is_given_by_its_flag_and_looked_for_where_it_says(project: Project) -> None:
    bare = project.call("data", "--local", "customers.csv")
    assert (bare.code, bare.err.count("\n")) == (2, 1)
    assert "the table is given by --path: --path customers.csv" in bare.err
    missing = project.call("data", "--local", "--path", "customers.csv")
    assert missing.code == 2
    assert f"{Path('customers.csv').absolute()}: there is no such file" in missing.err


def test_without_config_yml_it_is_said_where_it_belongs(project: Project) -> None:
    (project.root / "config.yml").unlink()
    answer = project.call("data", "--local")
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert f"{project.root / 'config.yml'}: there is no such file" in answer.err
    assert "git checkout -- config.yml" in answer.err


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("training.drop_columns=[Islnd]", "-data has no column 'Islnd'; did you mean 'Island'?"),
        (
            "training.split={by: group, column: Farm}",
            "split.column: sample-data has no column 'Farm'",
        ),
        ("training.estimator=Ridge", "'Ridge' needs its module in front"),
        ("training.estimator=sklearn.svm.SVCC", "no 'SVCC' in sklearn.svm; did you mean 'SVC'?"),
        ("training.estimator=sklearn.tre.Tree", "there is no module sklearn.tre"),
        ("training.estimator=nowhere.Tree", "there is no module nowhere"),
        ("training.estimator=..Tree", "there is no module ."),
    ],
)
def test_a_setting_that_names_nothing_is_told_before_a_run(
    shared: Project, setting: str, said: str
) -> None:
    answer = shared.call("model", "--local", "--set", setting)
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert said in answer.err and answer.err.startswith("error: --set training.")
    assert not (shared.root / ".local-workspace" / "runs").exists()
    # A package that reads the settings in its own way is left alone.
    assert shared.call("model", "--local", "--env", "test", "--dry-run", "--set", setting).code == 0


@pytest.mark.parametrize(
    "setting",
    [
        "training.estimator=sklearn.linear_model.LogisticRegression",
        "training.estimator=sklearn.svm.SVC",
        "training.estimator=sample_model.train.train",
        "training.drop_columns=[Island]",
    ],
)
def test_a_setting_that_names_something_is_taken(shared: Project, setting: str) -> None:
    answer = shared.call("model", "--local", "--dry-run", "--set", setting)
    assert answer.code == 0, answer.err


def test_training_first_registers_the_table_of_the_settings(project: Project) -> None:
    project.use_other_model()
    before = sorted(project.root.rglob("*.json"))
    looked = project.call("model", "--local", "--env", "test", "--dry-run")
    assert looked.code == 0, looked.err
    assert "would register" in looked.out
    assert "would train on" in looked.out
    assert sorted(project.root.rglob("*.json")) == before
    answer = project.call("model", "--local", "--env", "test")
    assert answer.code == 0, answer.err
    assert "data/penguins.csv comes first" in answer.out


def test_what_a_table_holds_need_not_be_printed(project: Project) -> None:
    shown = project.call("data", "--local", "--dry-run")
    assert "Adelie" in shown.out
    hidden = project.call("data", "--local", "--dry-run", "--set", "data.print_profile=false")
    assert hidden.code == 0, hidden.err
    assert "Adelie" not in hidden.out


def test_verbose_shows_a_traceback_only_where_it_says_more(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = project.call("data", "--local", "--verbose", "--path", "nowhere.csv")
    assert answer.code == 2
    assert "Traceback" not in answer.err

    def broken(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("amlkit.content.file_hash", broken)
    answer = project.call("data", "--local", "--verbose")
    assert answer.code == 1
    assert "ZeroDivisionError" in answer.err
    assert "Traceback" in answer.err


def test_a_missing_library_is_one_line(project: Project) -> None:
    """Trap: `python src/model.py` with an interpreter that has nothing installed."""
    for name in DRIVERS:
        command = [sys.executable, "-S", "-E", "-s", str(project.root / "src" / f"{name}.py")]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
        assert done.returncode == 1
        assert "make setup" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def test_environment_is_known_the_second_time(project: Project) -> None:
    first = project.run("environment", "--local", "--json").json["environment"]
    second = project.run("environment", "--local", "--json").json["environment"]
    assert first["created"]
    assert not second["created"]
    assert first["version"] == second["version"]


def test_environment_names_what_differs_from_the_lock(project: Project) -> None:
    clean = project.run("environment", "--local", "--json").json["environment"]["version"]
    lock = project.root / "requirements-train.txt"
    text = lock.read_text(encoding="utf-8")
    lock.write_text(text + "\nno-such-package==1.0\npyyaml==0.1\n", encoding="utf-8")
    answer = project.run("environment", "--local", "--json")
    assert answer.code == 1
    said = "\n".join(answer.json["environment"]["differences"])
    assert "no-such-package 1.0 is not installed" in said
    assert "pyyaml is" in said
    assert answer.json["environment"]["version"] != clean
    assert "differs" in answer.json["environment"]["version"]
