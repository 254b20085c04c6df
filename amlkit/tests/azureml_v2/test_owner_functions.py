"""What the owner's functions return with SDK v2: asked for by name, written down, checked.

These run where SDK v2 is installed, with no network; the functions are the template's own.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import math
import random
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conftest import SAMPLE, TEMPLATE, write_drivers, write_wheel

pytest.importorskip("azure.ai.ml", reason="SDK v2 has an environment of its own")

from amlkit.azure.wheels import content_name
from amlkit.azureml_v2 import sweeps
from amlkit.azureml_v2.connection import Connection
from amlkit.azureml_v2.environments import AzureEnvironments
from amlkit.azureml_v2.jobs import AzureJobs
from amlkit.calls import Calls, EnvironmentParts, JobParts, SearchParts
from amlkit.flow.training import training_command
from amlkit.records import (
    DataAsset,
    Environment,
    EnvironmentDefinition,
    Job,
    Model,
    Search,
    WorkError,
)
from amlkit.settings import load_settings


class Tables:
    """The kind and the address of a table, which a workspace would say."""

    def reference(self, asset: DataAsset) -> tuple[str, str]:
        """Those of what is registered, by default a folder."""
        return asset.type, f"azureml:{asset.name}:{asset.version}"


class Repository:
    """A repository with locks, a wheel and the template's functions, asked for shapes."""

    def __init__(self, root: Path, calls: Calls) -> None:
        self.root, self.calls = root, calls
        (root / "src" / "sample_model").mkdir(parents=True)
        (root / "src" / "sample_model" / "train.py").touch()
        (root / "config.yml").write_bytes((SAMPLE / "config.yml").read_bytes())
        self.amlkit = write_wheel(root / "wheels")
        version = self.amlkit.name.split("-")[1]
        for lock in ("train", "serve", "train-azure", "serve-azure"):
            text = f"numpy==2.3.2\namlkit=={version}\n"
            (root / f"requirements-{lock}.txt").write_text(text, encoding="utf-8")
        self.set: list[tuple[str, Any, str]] = [("azure.sdk", "v2", "--set")]

    def connection(self) -> Connection:
        """One that is never opened."""
        settings = load_settings(self.root, overrides=self.set, environ={})
        return Connection(settings, lambda line: None, self.root / "azure")

    def environments(self, **calls: Any) -> AzureEnvironments:
        """With some of the owner's functions replaced."""
        return AzureEnvironments(self.connection(), dataclasses.replace(self.calls, **calls))

    def definition(self) -> EnvironmentDefinition:
        """The training environment's, with all wheels of the folder."""
        found = tuple(sorted((self.root / "wheels").glob("*.whl")))
        return EnvironmentDefinition("train", self.root / "requirements-train.txt", found)

    def version(self, function: Callable[[EnvironmentParts], Any] | None = None) -> str:
        """The training environment's version, of the template's function or another."""
        more = {"environment": function} if function else {}
        return self.environments(**more).version(self.definition())

    def job_shape(
        self,
        function: Callable[[JobParts], Any] | None = None,
        champion: str = "",
        search: Search | None = None,
    ) -> str:
        """A job's shape, of the template's function or another."""
        return str(self.jobs().shape(self.job(function, champion, search)))

    def described(self, search: Search) -> Any:
        """The SDK's sweep of the template's job."""
        job = dataclasses.replace(self.job(search=search), code=self.root / "src")
        return self.jobs().described(job)

    def jobs(self) -> Any:
        """Jobs of a workspace that is never asked."""
        jobs: Any = AzureJobs
        return jobs(self.connection(), Tables(), self.environments())

    def job(
        self,
        function: Callable[[JobParts], Any] | None = None,
        champion: str = "",
        search: Search | None = None,
    ) -> Job:
        """A training of the template's function or another."""
        data = DataAsset("penguins", "0123456789ab", "Sex", 10, "x")
        model = Model("m", champion, "azureml:m:1") if champion else None
        names = sorted(search.space) if search and search.definition else ()
        return Job(
            experiment="e",
            code=self.root / "not made yet",
            code_version="c",
            command=training_command("sample_model", data, {"seed": 0}, model, names),
            inputs={"data": data, **({"champion": model} if model else {})},
            environment=Environment("train", "1", False),
            variables={"PYTHONHASHSEED": "0"},
            definition=function or self.calls.training_job,
            search=search,
        )

    def wrong(self, **changes: Any) -> str:
        """What is said of the template's job with something changed in its `command(…)`."""
        from azure.ai.ml import command

        def training_job(job: JobParts) -> Any:
            return command(
                **{
                    "code": job.code,
                    "command": f"python -m {job.module} ${{{{inputs.data}}}}",
                    "inputs": {},
                    "environment": job.environment,
                    **changes,
                }
            )

        with pytest.raises(WorkError) as refused:
            self.job_shape(training_job)
        return str(refused.value)


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Calls:
    """The functions of the template's drivers for SDK v2, which import each other by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(write_drivers(tmp_path_factory.mktemp("drivers"), "v2")))
        environment, model = map(importlib.import_module, ("environment", "model"))
    return Calls(
        environment.environment,
        training_job=model.training_job,
        training_sweep=model.training_sweep,
    )


@pytest.fixture()
def repository(tmp_path: Path, calls: Calls) -> Repository:
    return Repository(tmp_path / "a project", calls)


# Environments.


def changed(repository: Repository, change: Callable[[Any], None]) -> Callable[[Any], Any]:
    """The template's `environment`, changed by its owner."""
    function = repository.calls.environment
    assert function is not None

    def environment(parts: EnvironmentParts) -> Any:
        made = function(parts)
        change(made)
        return made

    return environment


def test_an_environment_is_what_its_function_returns(repository: Repository) -> None:
    version = repository.version()
    said = changed(repository, lambda made: made.tags.update(said="of no account"))
    assert repository.version(said) == version
    for change in (
        lambda made: made.conda_file["dependencies"].append("libgomp=14.2"),
        lambda made: setattr(made, "image", "contoso.azurecr.io/base:1"),
    ):
        assert repository.version(changed(repository, change)) != version


def test_what_a_build_context_holds_is_its_content(repository: Repository) -> None:
    from azure.ai.ml.entities import BuildContext
    from azure.ai.ml.entities import Environment as SdkEnvironment

    context = repository.root / "docker"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM ubuntu:24.04\n", encoding="utf-8")

    def environment(parts: EnvironmentParts) -> Any:
        return SdkEnvironment(name=parts.name, build=BuildContext(path=str(context)))

    version = repository.version(environment)
    (context / "packages.txt").write_text("numpy==2.3.2\n", encoding="utf-8")
    assert repository.version(environment) != version


def test_a_ready_made_image_needs_no_lock_and_no_wheel(repository: Repository) -> None:
    repository.set.append(("azure.environment.training_image", "contoso.azurecr.io/t:1", "--set"))
    version = repository.version()
    (repository.root / "requirements-train-azure.txt").unlink()
    write_wheel(repository.root / "wheels", {"amlkit/tabular/features.py": b"# changed"})
    assert repository.version() == version
    assert repository.environments().made(repository.definition()).image.endswith("/t:1")


def test_addresses_instead_of_names_change_nothing_else(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(function: Callable[[EnvironmentParts], Any]) -> Any:
        environments = repository.environments(environment=function)
        monkeypatch.setattr(environments, "send", lambda w: f"https://x.blob/{content_name(w)}")
        return environments.made(repository.definition())

    function = repository.calls.environment
    assert function is not None
    pip = made(function).conda_file["dependencies"][-1]["pip"]
    assert pip == ["numpy==2.3.2", f"https://x.blob/{content_name(repository.amlkit)}"]

    def other(parts: EnvironmentParts) -> Any:
        found = function(parts)
        if parts.wheels[0].startswith("https://"):
            found.image = "another"
        return found

    with pytest.raises(WorkError, match="addresses than when it is given their names"):
        made(other)


def test_another_kind_another_name_and_chance_are_refused(repository: Repository) -> None:
    def named(parts: EnvironmentParts) -> Any:
        return changed(repository, lambda made: setattr(made, "name", "mine"))(parts)

    def at_random(made: Any) -> None:
        made.image = str(random.random())

    with pytest.raises(WorkError, match=r"environment\(\) in .* something else each time"):
        repository.version(changed(repository, at_random))
    with pytest.raises(WorkError, match=r"must return an azure\.ai\.ml\.entities\.Environment"):
        repository.version(lambda parts: parts.name)
    with pytest.raises(WorkError, match=r"named 'mine': name it parts\.name"):
        repository.version(named)
    with pytest.raises(WorkError, match=r"must return what azure\.ai\.ml\.command"):
        repository.job_shape(lambda job: job.module)


# Jobs.


def made_by(repository: Repository, change: Callable[[Any, JobParts], None]) -> Any:
    """The template's `training_job`, changed by its owner."""
    function = repository.calls.training_job
    assert function is not None

    def training_job(job: JobParts) -> Any:
        made = function(job)
        change(made, job)
        return made

    return training_job


def test_a_job_is_what_its_function_returns(repository: Repository) -> None:
    from azure.ai.ml import MpiDistribution
    from azure.ai.ml.entities import JobResourceConfiguration

    def named(made: Any, job: JobParts) -> None:
        made.display_name, made.tags, made.compute = "mine", {"a": "b"}, "gpu-cluster"
        made.resources = JobResourceConfiguration(instance_type="Standard_E4s_v3")

    shape = repository.job_shape()
    assert repository.job_shape(made_by(repository, named)) == shape
    changes: list[Callable[[Any, JobParts], None]] = [
        lambda made, job: setattr(made, "environment", "azureml:another:1"),
        lambda made, job: made.environment_variables.update(OMP_NUM_THREADS="1"),
        lambda made, job: setattr(made, "distribution", MpiDistribution()),
        lambda made, job: setattr(made, "command", made.command + " --more"),
    ]
    assert [repository.job_shape(made_by(repository, change)) == shape for change in changes] == [
        False
    ] * len(changes)


def test_the_champion_s_part_counts_but_no_champion_does(repository: Repository) -> None:
    shape = repository.job_shape()
    assert repository.job_shape(champion="1") == repository.job_shape(champion="2") == shape

    def more(made: Any, job: JobParts) -> None:
        made.command += " --compare-more" if job.champion else ""

    assert repository.job_shape(made_by(repository, more)) != shape


@pytest.mark.parametrize("whose", ["the owner's", "ours"])
@pytest.mark.parametrize("mode", [None, "download"])
def test_an_input_gets_the_kind_of_its_table_and_a_mode(
    repository: Repository, whose: str, mode: str | None
) -> None:
    from azure.ai.ml import Input, command

    def plain(job: JobParts) -> Any:
        return command(
            code=job.code,
            command=f"python -m {job.module} ${{{{inputs.data}}}}",
            inputs={"data": Input(type="uri_folder", path=job.data, mode=mode)},
            environment=job.environment,
        )

    job = dataclasses.replace(repository.job(plain), code=repository.root / "src")
    if whose == "ours":
        job = dataclasses.replace(job, definition=None)
    for kind, expected in (("uri_folder", None), ("mltable", "ro_mount")):
        data = DataAsset("penguins", "0123456789ab", "Sex", 10, "x", type=kind)
        made = repository.jobs().described(dataclasses.replace(job, inputs={"data": data}))
        given = made._job_inputs["data"]
        wanted = expected if whose == "ours" else mode or expected
        assert (given.type, given.mode) == (kind, wanted)


def test_the_resources_are_those_of_the_settings(repository: Repository) -> None:
    seen: list[JobParts] = []
    shape = repository.job_shape()
    repository.set += [
        ("azure.resources.instance_count", 2, "--set"),
        ("azure.resources.instance_type", "Standard_E4s_v3", "--set"),
    ]
    assert repository.job_shape(made_by(repository, lambda made, job: seen.append(job))) != shape
    assert (seen[0].resources.instance_count, seen[0].resources.instance_type) == (
        2,
        "Standard_E4s_v3",
    )


def test_what_the_sdk_lets_through_is_told_before_anything_is_sent(
    repository: Repository,
) -> None:
    from azure.ai.ml import MpiDistribution

    there = {"command": "python -m sample_model.train"}
    for words, changes in {
        "the command names ${{inputs.data}}, and the job's inputs are: none": {},
        "the module sample_model.fit, which is not in code=src": {
            "command": "python -u -m sample_model.fit"
        },
        "the command runs fit.py, which is not in code=src": {"command": "cd . && python fit.py"},
        "instance_count=-1 must be 1 or more": {**there, "instance_count": -1},
        "process_count_per_instance=0 must be 1 or more": {
            **there,
            "distribution": MpiDistribution(process_count_per_instance=0),
        },
        "code='nowhere': there is no such folder": {**there, "code": "nowhere"},
    }.items():
        said = repository.wrong(**changes)
        assert said.startswith("training_job() in "), said
        assert "test_owner_functions.py: " in said
        assert words in said, said


def test_what_may_come_with_the_environment_is_not_looked_for(repository: Repository) -> None:
    from azure.ai.ml import command

    for line in ("python -m torch.distributed.run x", "python ${{inputs.script}}", "bash run.sh"):
        repository.job_shape(
            lambda job, line=line: command(
                code=job.code, command=line, inputs={"script": "x.py"}, environment=job.environment
            )
        )


# Sweeps.


SPACE = {
    "C": {"min": 0.01, "max": 100.0, "log": True},
    "max_iter": {"min": 1, "max": 9},
    "penalty": ["l2", None, "a b"],
}


def search_of(repository: Repository, space: dict[str, Any], **more: Any) -> Search:
    """A search by the template's `training_sweep`, or another."""
    made = {"trials": 3, "metric": "roc_auc", "goal": "maximize", "seed": 7, **more}
    return Search(space, definition=made.pop("definition", repository.calls.training_sweep), **made)


def test_a_search_is_a_sweep_of_the_command(repository: Repository) -> None:
    """All of the command goes along; each trial is told its own parameters."""
    repository.set += [("azure.resources.shm_size", "2g", "--set")]
    made = repository.described(search_of(repository, SPACE))._to_job()
    shape = made._to_dict()
    assert shape["type"] == "sweep"
    assert shape["objective"] == {"goal": "maximize", "primary_metric": "cv_roc_auc"}
    assert shape["sampling_algorithm"] == {"type": "random", "seed": 7}
    assert shape["limits"] == {"max_total_trials": 3, "max_concurrent_trials": 3}
    space = {name: values._to_rest_object() for name, values in made.search_space.items()}
    low, high = space["C"][1]
    assert (math.exp(low), math.exp(high)) == (pytest.approx(0.01), pytest.approx(100))
    assert space["C"][0] == "loguniform" and space["max_iter"] == ["quniform", [1, 9, 1]]
    assert space["penalty"] == ["choice", [["l2", "null", "choice-2"]]]
    words = shape["trial"]["command"]
    for name in SPACE:
        assert f" --trial '{name}=${{{{search_space.{name}}}}}'" in words
    assert "${{inputs.data}}" in words and shape["inputs"].keys() == {"data"}
    assert shape["trial"]["resources"]["shm_size"] == "2g"
    assert shape["trial"]["environment_variables"] == {"PYTHONHASHSEED": "0"}


def test_few_choices_are_a_grid(repository: Repository) -> None:
    made = repository.described(search_of(repository, {"C": [1, 2]}, trials=5))._to_job()
    assert made._to_dict()["sampling_algorithm"] == "grid"
    assert made.limits.max_total_trials == 2


def test_a_sweep_is_part_of_the_identity(repository: Repository) -> None:
    plain, search = repository.job_shape(), search_of(repository, SPACE)
    shape = repository.job_shape(search=search)
    assert shape != plain and repository.job_shape(search=search, champion="1") == shape
    assert repository.job_shape(search=dataclasses.replace(search, definition=None)) == plain
    function = search.definition
    assert function is not None

    def changed(change: Callable[[Any], None]) -> str:
        def training_sweep(trial: Any, parts: SearchParts) -> Any:
            made = function(trial, parts)
            change(made)
            return made

        other = dataclasses.replace(search, definition=training_sweep)
        return repository.job_shape(search=other)

    assert changed(lambda made: made.set_limits(max_concurrent_trials=1)) == shape
    assert changed(lambda made: made.set_limits(max_total_trials=2)) != shape
    assert changed(lambda made: setattr(made.objective, "goal", "minimize")) != shape
    assert repository.job_shape(search=dataclasses.replace(search, seed=8)) != shape


def test_what_is_no_sweep_is_refused(repository: Repository) -> None:
    search = search_of(repository, SPACE, definition=lambda trial, parts: trial)
    with pytest.raises(WorkError, match=r"must return what trial\(…\)\.sweep\(…\) returns"):
        repository.job_shape(search=search)

    def without_inputs(job: JobParts) -> Any:
        function = repository.calls.training_job
        assert function is not None
        return function(dataclasses.replace(job, parameters={}))

    with pytest.raises(WorkError, match=r"names \$\{\{inputs\.C\}\}, and the job's inputs are: da"):
        repository.job_shape(without_inputs, search=search_of(repository, SPACE))


@pytest.mark.parametrize(
    ("status", "best", "trials", "shown"),
    [
        ("Completed", "s_1", {"s_0": "Completed", "s_1": "Completed"}, "s_1"),
        ("Completed", "", {"s_10": "Completed", "s_2": "Completed"}, "s_2"),
        ("Failed", "s_0", {"s_0": "Completed", "s_1": "Failed"}, "s_1"),  # for its trials' errors
        ("Failed", "", {}, ""),
        ("Running", "s_0", {"s_0": "Completed"}, ""),
    ],
)
def test_the_trial_that_tells_how_a_sweep_ended(
    status: str, best: str, trials: dict[str, str], shown: str
) -> None:
    """The service has failed sweeps although some of their trials had a score."""
    properties = {"best_child_run_id": best} if best else {}
    sweep = SimpleNamespace(type="sweep", name="s", status=status, properties=properties)
    made = [SimpleNamespace(name=name, status=one) for name, one in trials.items()]
    jobs = SimpleNamespace(list=lambda parent_job_name: made if parent_job_name == "s" else None)
    connection: Any = SimpleNamespace(client=SimpleNamespace(jobs=jobs))
    assert sweeps.trial_to_show(connection, sweep) == shown
    command = SimpleNamespace(type="command", status="Completed", properties={})
    assert sweeps.trial_to_show(connection, command) == ""


# As docs/model.md has it.
BAYESIAN = 'sampling_algorithm="bayesian"'
STOPPING = "early_termination_policy=MedianStoppingPolicy(evaluation_interval=1)"


@pytest.mark.parametrize("change", [BAYESIAN, STOPPING])
def test_the_sweeps_of_the_docs(repository: Repository, change: str) -> None:
    assert change in (TEMPLATE / "docs" / "model.md").read_text(encoding="utf-8")
    function = repository.calls.training_sweep
    assert function is not None
    text = inspect.getsource(function).replace(
        "import Random", "import MedianStoppingPolicy, Random"
    )
    line = r"sampling_algorithm=.*," if change == BAYESIAN else r"(?<=\.sweep\()"
    text, count = re.subn(line, f"{change},", text)
    assert count == 1
    names: dict[str, Any] = {}
    exec("from __future__ import annotations\n" + text, names)  # noqa: S102 - our own docs
    search = search_of(repository, SPACE, definition=names["training_sweep"])
    shape = repository.described(search)._to_job()._to_dict()
    assert (shape["sampling_algorithm"] == "bayesian") == (change == BAYESIAN)
    assert ("early_termination" in shape) == (change == STOPPING)
