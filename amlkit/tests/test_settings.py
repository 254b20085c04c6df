"""Settings: what beats what, and errors that name their origin."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from amlkit.flow.training import told
from amlkit.settings import Bound, Settings, SettingsError, Split, load_settings
from conftest import SAMPLE

MINIMAL = """\
project:
  package: mine
data:
  name: table
  path: table.csv
  target: y
environment:
  name: env
model:
  name: model
endpoint:
  name: service
  environment:
    name: env-serve
experiment: trial
"""


def load(folder: Path, more: str = "", **options: Any) -> Settings:
    """Settings from a minimal `config.yml` with more lines below it."""
    (folder / "config.yml").write_text(MINIMAL + more, encoding="utf-8")
    return load_settings(folder, environ=options.pop("environ", {}), **options)


def test_the_samples_config_is_valid() -> None:
    settings = load_settings(SAMPLE, environ={})
    assert settings.data.target == "Sex"
    assert settings.gate.rules["regression"].thresholds == {"r2": 0.1}
    assert settings.root == SAMPLE


def test_flags_beat_variables_beat_overlay_beat_file(tmp_path: Path) -> None:
    (tmp_path / "config.prod.yml").write_text(
        "azure: {resource_group: overlay}\n", encoding="utf-8"
    )
    more = "azure:\n  resource_group: file\n"
    assert load(tmp_path, more).azure.resource_group == "file"
    assert load(tmp_path, more, env="prod").azure.resource_group == "overlay"
    environ = {"RESOURCE_GROUP": "variable"}
    settings = load(tmp_path, more, env="prod", environ=environ)
    assert settings.azure.resource_group == "variable"
    assert settings.origin("azure.resource_group") == "$RESOURCE_GROUP"
    flag = [("azure.resource_group", "flag", "--set azure.resource_group")]
    assert (
        load(tmp_path, more, env="prod", environ=environ, overrides=flag).azure.resource_group
        == "flag"
    )


def test_a_variable_that_repeats_the_file_does_not_beat_an_overlay(tmp_path: Path) -> None:
    (tmp_path / "config.prod.yml").write_text(
        "azure: {resource_group: overlay}\n", encoding="utf-8"
    )
    more = "azure:\n  resource_group: file\n  tenant_id: tenant\n"
    environ = {"RESOURCE_GROUP": "FILE", "TENANT_ID": "tenant"}
    settings = load(tmp_path, more, env="prod", environ=environ)
    assert settings.azure.resource_group == "overlay"
    assert settings.origin("azure.tenant_id") == "$TENANT_ID"


def test_overlay_changes_only_what_it_names(tmp_path: Path) -> None:
    (tmp_path / "config.prod.yml").write_text("training: {seed: 5}\n", encoding="utf-8")
    training = load(tmp_path, "training:\n  seed: 1\n  holdout: 0.3\n", env="prod").training
    assert (training.seed, training.holdout) == (5, 0.3)


def test_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    more = "azure:\n  resource_group: file\n"
    assert load(tmp_path, more, environ={"RESOURCE_GROUP": ""}).azure.resource_group == "file"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        pytest.param(
            "training:\n  sed: 1\n",
            ["config.yml:17", "training.sed", "training.seed"],
            id="wrong key",
        ),
        pytest.param("trainin: {}\n", ["config.yml:16", "training"], id="wrong section"),
        pytest.param(
            "training:\n  seed: one\n", ["config.yml:17", "whole number", "'one'"], id="type"
        ),
        pytest.param(
            "training:\n  seed: true\n", ["config.yml:17", "whole number"], id="bool is no number"
        ),
        pytest.param("training:\n  holdout: 1.5\n", ["config.yml:17", "0.01", "0.9"], id="range"),
        pytest.param("training:\n  holdout: .nan\n", ["config.yml:17", "finite"], id="nan"),
        pytest.param(
            "training:\n  task: ranking\n", ["config.yml:17", "classification"], id="choice"
        ),
        pytest.param("training:\n  drop_columns: id\n", ["config.yml:17", "list"], id="list"),
        pytest.param(
            "training:\n  drop_columns: [1]\n", ["config.yml:17", "quotes"], id="list of text"
        ),
        pytest.param(
            "training: 3\n", ["config.yml:16", "settings of its own"], id="section is a value"
        ),
        pytest.param("training:\n  seed: 1\n  seed: 2\n", ["config.yml:18", "twice"], id="twice"),
        pytest.param("training: [\n", ["config.yml:", "YAML"], id="not YAML"),
        pytest.param(
            "azure:\n  client_secret: x\n", ["config.yml:17", "SPN_PASSWORD"], id="secret in file"
        ),
        pytest.param(
            "gate:\n  rules: {a: {primary_metric: m, thresholds: {m: high}}}\n",
            ["config.yml:17"],
            id="deep",
        ),
        pytest.param("gate:\n  tolerance: -1\n", ["config.yml:17", "at least 0"], id="negative"),
        pytest.param(
            "azure:\n  bootstrap: {workspace: maybe}\n",
            ["config.yml:17", "azure.bootstrap.workspace", "create, existing, skip"],
            id="mode",
        ),
        pytest.param(
            "azure:\n  bootstrap: {storage_account_name: My-Store}\n",
            ["config.yml:17", "azure.bootstrap.storage_account_name"],
            id="name of a storage account",
        ),
        pytest.param(
            "azure:\n  resource_group: data and models\n",
            ["config.yml:17", "azure.resource_group", "1 to 90 letters"],
            id="name of a resource group",
        ),
        pytest.param(
            "azure:\n  environment: {python: '3.10'}\n",
            ["config.yml:17", "azure.environment.python", "3.11, 3.12"],
            id="a Python that SDK v1 has and amlkit has not",
        ),
        pytest.param(
            "azure:\n  environment: {python: '3.13'}\n",
            ["config.yml:17", "azureml-core", "3.11 or 3.12"],
            id="a Python that SDK v2 has and SDK v1 has not",
        ),
        pytest.param(
            "azure:\n  location: west/europe\n", ["config.yml:17", "westeurope"], id="region"
        ),
    ],
)
def test_error_names_origin_and_remedy(tmp_path: Path, more: str, said: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, more)
    line = str(caught.value)
    assert "\n" not in line
    for words in said:
        assert words in line


@pytest.mark.parametrize("written", ["West Europe", "west-europe", "(Europe) West Europe"])
def test_a_region_is_taken_as_people_write_it(tmp_path: Path, written: str) -> None:
    azure = load(tmp_path, f"azure:\n  location: {written}\n").azure
    assert azure.location == "westeurope"


def test_wrong_type_of_column_names_the_types(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"data.types.zip must be one of number, category"):
        load(tmp_path, overrides=[("data.types.zip", "text", "--set")])


def test_type_of_column_may_say_how_it_is_written(tmp_path: Path) -> None:
    settings = load(tmp_path, overrides=[("data.types.price", "number 1.234,5", "--set")])
    assert settings.data.types == {"price": "number 1.234,5"}


def test_flag_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"--set training.seed: training.seed must be a whole number"
    ):
        load(tmp_path, overrides=[("training.seed", "x", "--set training.seed")])


def test_missing_setting_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text(MINIMAL.replace("  target: y\n", ""), encoding="utf-8")
    with pytest.raises(SettingsError, match=r"'data.target' is missing"):
        load_settings(tmp_path, environ={})


def test_unknown_environment_names_the_known(tmp_path: Path) -> None:
    (tmp_path / "config.prod.yml").write_text("{}", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"config.prd.yml.*there are: prod"):
        load(tmp_path, env="prd")
    with pytest.raises(SettingsError, match=r"--env"):
        load(tmp_path, env="../prod")


def test_azure_names_all_that_is_missing_at_once(tmp_path: Path) -> None:
    settings = load(tmp_path, environ={"TENANT_ID": "t", "SPN_PASSWORD": "s3cret"})
    with pytest.raises(SettingsError) as caught:
        settings.require_azure()
    line = str(caught.value)
    for name in ("SPN_ID", "SUBSCRIPTION_ID", "RESOURCE_GROUP", "AML_WORKSPACE_NAME", "--local"):
        assert name in line
    assert "TENANT_ID" not in line


def test_secret_is_never_shown(tmp_path: Path) -> None:
    settings = load(tmp_path, environ={"SPN_PASSWORD": "s3cret"})
    assert settings.azure.client_secret == "s3cret"
    assert "s3cret" not in repr(settings)


def test_thresholds_take_numbers_and_bounds(tmp_path: Path) -> None:
    more = (
        "gate:\n  rules:\n    t:\n      primary_metric: a\n      thresholds: {a: 1, b: {max: 2}}\n"
    )
    rules = load(tmp_path, more).gate.rules["t"]
    assert rules.thresholds == {"a": 1.0, "b": Bound(max=2.0)}


def test_a_model_is_named_by_its_target(tmp_path: Path) -> None:
    """Names that would be equal can be told apart."""
    settings = load(tmp_path)
    assert settings.model_name("Body Mass (g)") == "model-body-mass-g"
    assert settings.model_name("größe") == "model-gr-e-d353a2"
    alike = ["Sex", "sex", "SEX", "a b", "a-b", "a_b", " a-b", "x" * 50, "x" * 60]
    others = ["性别", "温度", "größe", "groesse", "?!"]
    names = [settings.model_name(target, told_apart=True) for target in alike + others]
    assert len({name.lower() for name in names}) == len(names)
    assert all(re.fullmatch(r"model-[a-z0-9-]{1,47}", name) for name in names)


def test_a_split_by_time_or_group_needs_its_column(tmp_path: Path) -> None:
    """In the file, over the file or by a flag."""
    assert load(tmp_path).training.split == Split("row hash", None)
    by_time = load(tmp_path, "training:\n  split: {by: time, column: day}\n").training.split
    assert by_time == Split("time", "day")
    flag = [("training.split", {"by": "group", "column": "who"}, "--set training.split")]
    more = "training:\n  split:\n    by: row hash\n"
    assert load(tmp_path, more, overrides=flag).training.split == Split("group", "who")
    with pytest.raises(SettingsError, match=r"yml:17: training\.split: by time needs a column"):
        load(tmp_path, "training:\n  split: {by: time}\n")
    with pytest.raises(SettingsError, match="by row hash takes no column"):
        load(tmp_path, "training:\n  split: {column: day}\n")


def test_a_job_is_told_of_a_later_setting_where_it_is_set(tmp_path: Path) -> None:
    """A train.py of before it came knows nothing of it, and refuses what it does not know."""
    assert told(load(tmp_path)).keys() == {
        *("task", "estimator", "parameters", "seed", "holdout", "drop_columns", "min_class_rows")
    }
    settings = load(tmp_path, "training:\n  seed: 1\n", overrides=[("training.folds", 5, "--set")])
    assert told(settings)["seed"] == 1 and told(settings)["folds"] == 5
    assert "split" not in told(settings)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("training.holdout: " + "[" * 100_000, "nested too deeply"),
        ("training: {seed: " + "9" * 5000 + "}", "digits"),
        ("azure: {compute: {min_nodes: 3, max_nodes: 2}}", "min_nodes 3 is more than max_nodes 2"),
        ("azure: {registry: shared}", "registry is 'shared': registries come with SDK v2"),
        ("azure: {sdk: v2, registry: a b}", "2 to 32 letters, digits"),
        ("experiment: penguins.v2", "no dot"),
    ],
    ids=[
        "100,000 brackets",
        "5,000 digits",
        "more than the most",
        "a registry with v1",
        "a registry's name",
        "a dot",
    ],
)
def test_what_cannot_be_is_one_line(given: str, said: str, tmp_path: Path) -> None:
    """In a file as in a flag."""
    (tmp_path / "config.yml").write_text((SAMPLE / "config.yml").read_text(encoding="utf-8"))
    (tmp_path / "config.odd.yml").write_text(given, encoding="utf-8")
    with pytest.raises(SettingsError, match=said) as error:
        load_settings(tmp_path, env="odd", environ={})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ("{C: 3}", "C must be a list of values or {min: …, max: …}, not 3"),
        ("{C: []}", "C is an empty list"),
        ("{C: [1, 1]}", "C names a value twice"),
        ("{C: [.nan]}", "C holds nan: JSON has no such value"),
        ("{C: [2026-01-01]}", "C holds datetime.date(2026, 1, 1): JSON has no such value"),
        ("{C: {min: 1}}", "C has no max"),
        ("{C: {max: 1}}", "C has no min"),
        ("{C: {min: 2, max: 2}}", "C has min: 2, which must be less than max: 2"),
        ("{C: {min: 0, max: 2, log: true}}", "C has min: 0, which has no logarithm"),
        ("{C: {min: 1, max: .inf}}", "C has max: inf, which must be a finite number"),
        ("{C: {min: true, max: 2}}", "C has min: True, which must be a finite number"),
        ("{C: {min: 1, max: 2, log: 10}}", "C has log: 10, which must be true or false"),
        ("{C: {min: 1, max: 2, step: 1}}", "C knows no 'step'"),
        ("{C: {min: 1e-4, max: 1}}", "C has 1e-4, which YAML reads as text: write 1.0e-4"),
        ("{C: [1e5, 1]}", "C has 1e5, which YAML reads as text: write 1.0e+5"),
        ("{data: [1]}", "data is no name of a parameter"),
        ("{max-iter: [1]}", "max-iter is no name of a parameter"),
        ("[C]", " must be `name: value` pairs, not ['C']"),
    ],
)
def test_a_malformed_search_space_is_named(tmp_path: Path, search: str, said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(tmp_path, f"training:\n  seed: 1\n  search: {search}\n")
    assert str(refused.value).startswith("config.yml:18: training.search")
    assert said in str(refused.value)
    if "write 1" in said:
        better = said.rpartition(" ")[2]
        text = f"training:\n  search: {{C: [{better}]}}\n"
        assert isinstance(load(tmp_path, text).training.search["C"][0], float)


def test_a_search_over_several_lines_names_the_line(tmp_path: Path) -> None:
    text = "training:\n  search:\n    C: [1, 2]\n    tol:\n      min: 3\n      max: 1\n"
    with pytest.raises(SettingsError, match=r"^config\.yml:20: training\.search\.tol has min: 3"):
        load(tmp_path, text)
    flag = [("training.search", {"C": [0.1], "tol": {"min": 1, "max": 2}}, "--set")]
    assert load(tmp_path, overrides=flag).training.search["tol"] == {"min": 1, "max": 2}


@pytest.mark.parametrize("trials", [0, -1, 2000])
def test_trials_are_at_least_one(tmp_path: Path, trials: int) -> None:
    with pytest.raises(SettingsError, match=r"training\.trials must be from 1 to 1000"):
        load(tmp_path, f"training:\n  trials: {trials}\n")


def test_sdk_v2_builds_images_on_a_newer_python(tmp_path: Path) -> None:
    more = "azure:\n  sdk: v2\n  environment: {python: '3.13'}\n"
    assert load(tmp_path, more).azure.environment.python == "3.13"
