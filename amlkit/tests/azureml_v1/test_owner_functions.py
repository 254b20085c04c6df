"""What the owner's functions return is asked for by name and written down as content.

These run where SDK v1 is installed, with no network; the functions are the template's own.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import SAMPLE, write_drivers, write_wheel

pytest.importorskip("azureml.core", reason="SDK v1 has an environment of its own")

from amlkit.azure import wheels
from amlkit.azureml_v1.commands import script_run_config
from amlkit.azureml_v1.connection import Connection
from amlkit.azureml_v1.endpoints import AzureEndpoints
from amlkit.azureml_v1.environments import AzureEnvironments
from amlkit.azureml_v1.jobs import AzureJobs
from amlkit.azureml_v1.shapes import environment_shape, job_shape
from amlkit.calls import Calls, DeploymentParts, EnvironmentParts, JobParts
from amlkit.flow.training import training_command
from amlkit.records import (
    DataAsset,
    DeploymentDefinition,
    Environment,
    EnvironmentDefinition,
    Job,
    Model,
    Resources,
    Scale,
    WorkError,
)
from amlkit.settings import SettingsError, load_settings


def driver(name: str) -> Any:
    """A driver of the template as a module."""
    return importlib.import_module(name)


@pytest.fixture(scope="module", autouse=True)
def drivers(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The drivers import each other by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(write_drivers(tmp_path_factory.mktemp("drivers"))))
        yield


class Repository:
    """A repository with locks, wheels and the template's functions, asked for shapes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "src" / "sample_model").mkdir(parents=True)
        (root / "src" / "sample_model" / "score.py").write_text("", encoding="utf-8")
        (root / "config.yml").write_bytes((SAMPLE / "config.yml").read_bytes())
        self.amlkit = write_wheel(root / "wheels")
        version = self.amlkit.name.split("-")[1]
        for lock in ("train", "serve", "train-azure", "serve-azure"):
            text = f"numpy==2.3.2\namlkit=={version}\n"
            (root / f"requirements-{lock}.txt").write_text(text, encoding="utf-8")
        self.calls = Calls(
            driver("environment").environment,
            None,
            driver("model").training_job,
            driver("deploy").deployment,
        )
        self.set: list[tuple[str, Any, str]] = []

    def connection(self) -> Connection:
        """One that is never opened."""
        settings = load_settings(self.root, overrides=self.set, environ={})
        return Connection(settings, lambda line: None, self.root / "azure")

    def environments(self, **calls: Any) -> AzureEnvironments:
        """With some of the owner's functions replaced."""
        return AzureEnvironments(self.connection(), dataclasses.replace(self.calls, **calls))

    def definition(self, *, serving: bool = False) -> EnvironmentDefinition:
        """The environment's, with all wheels of the folder."""
        found = tuple(sorted((self.root / "wheels").glob("*.whl")))
        lock = self.root / f"requirements-{'serve' if serving else 'train'}.txt"
        return EnvironmentDefinition("serve" if serving else "train", lock, found, serving)

    def version(self, function: Callable[[EnvironmentParts], Any] | None = None) -> str:
        """The training environment's version, of the template's function or another."""
        more = {"environment": function} if function else {}
        return self.environments(**more).version(self.definition())

    def job_shape(
        self,
        function: Callable[[JobParts], Any] | None = None,
        champion: str = "",
        target: str = "Sex",
    ) -> str:
        """A job's shape, of the template's function or another."""
        data = DataAsset("penguins", "0123456789ab", target, 10, "x", "1")
        inputs: dict[str, DataAsset | Model] = {"data": data}
        model = Model("m", champion, "azureml:m:1") if champion else None
        if model:
            inputs["champion"] = model
        job = Job(
            experiment="e",
            code=self.root / "not made yet",
            code_version="c",
            command=training_command("sample_model", data, {"seed": 0}, model),
            inputs=inputs,
            environment=Environment("train", "1", False),
            variables={"PYTHONHASHSEED": "0"},
            definition=function or self.calls.training_job,
        )
        jobs: Any = AzureJobs
        return str(jobs(self.connection(), None, self.environments()).shape(job))

    def deployment_shape(
        self, function: Callable[[DeploymentParts], Any] | None = None, cpu_cores: float = 1.0
    ) -> str:
        """A deployment's shape, of the template's function or another."""
        definition = DeploymentDefinition(
            endpoint="house",
            model=Model("m", "1", "azureml:m:1"),
            environment=self.definition(serving=True),
            package="sample_model",
            code=self.root / "not made yet",
            code_version="c",
            port=0,
            scale=Scale(cpu_cores=cpu_cores, memory_gb=2.0),
            definition=function or self.calls.deployment,
        )
        endpoints: Any = AzureEndpoints
        return str(endpoints(self.connection(), self.environments(), None).shape(definition))


@pytest.fixture()
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "a project")


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
    assert version == repository.version()
    assert version == repository.version(changed(repository, lambda made: None))
    for change in (
        lambda made: made.python.conda_dependencies.add_pip_package("six==1.17.0"),
        lambda made: made.environment_variables.update(OMP_NUM_THREADS="1"),
        lambda made: setattr(made.docker, "base_image", "contoso.azurecr.io/base:1"),
        lambda made: setattr(made.docker, "base_dockerfile", "FROM contoso.azurecr.io/base:1"),
    ):
        assert version != repository.version(changed(repository, change))


def test_secrets_of_a_registry_are_no_part_of_it(repository: Repository) -> None:
    def log_in(made: Any, password: str) -> None:
        made.docker.base_image_registry.address = "contoso.azurecr.io"
        made.docker.base_image_registry.username = password
        made.docker.base_image_registry.password = password

    one, two = (
        repository.version(changed(repository, lambda made, word=word: log_in(made, word)))
        for word in ("one", "two")
    )
    assert one == two != repository.version()


def test_the_lock_counts_and_what_comes_as_a_wheel_is_not_in_it(repository: Repository) -> None:
    seen: list[EnvironmentParts] = []

    def environment(parts: EnvironmentParts) -> Any:
        seen.append(parts)
        return repository.calls.environment and repository.calls.environment(parts)

    version = repository.version(environment)
    assert seen[0].pip_packages == ("numpy==2.3.2",)
    assert len(seen[0].wheels) == 1
    with (repository.root / "requirements-train-azure.txt").open("a", encoding="utf-8") as lock:
        lock.write("six==1.17.0\n")
    assert repository.version() != version


def test_of_amlkit_the_part_that_runs_there_counts(repository: Repository) -> None:
    version, folder = repository.version(), repository.root / "wheels"
    write_wheel(folder, {"amlkit/provision/plan.py": b"# a fix of the bootstrap"})
    assert repository.version() == version
    write_wheel(folder, {"amlkit/tabular/features.py": b"# a fix of what trains"})
    assert repository.version() != version


def test_each_content_of_a_wheel_is_sent_under_a_name_of_its_own(repository: Repository) -> None:
    folder = repository.root / "wheels"
    name = wheels.content_name(repository.amlkit)
    write_wheel(folder, {"amlkit/provision/plan.py": b"# another"})
    assert wheels.content_name(repository.amlkit) != name
    assert wheels.shape_name(repository.amlkit).startswith("amlkit-0-0_")


def test_a_lock_of_another_amlkit_is_refused(repository: Repository) -> None:
    lock = repository.root / "requirements-train-azure.txt"
    lock.write_text("numpy==2.3.2\namlkit==9.9.9\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"9\.9\.9"):
        repository.version()


def test_a_missing_lock_is_named(repository: Repository) -> None:
    (repository.root / "requirements-train-azure.txt").unlink()
    with pytest.raises(SettingsError, match=r"azure\.environment\.training_lock.*make lock"):
        repository.version()


def test_a_ready_made_image_needs_no_lock_and_no_wheel(repository: Repository) -> None:
    repository.set = [("azure.environment.training_image", "contoso.azurecr.io/t:1", "--set")]
    version = repository.version()
    (repository.root / "requirements-train-azure.txt").unlink()
    write_wheel(repository.root / "wheels", {"amlkit/tabular/features.py": b"# changed"})
    assert repository.version() == version


def test_addresses_instead_of_names_change_nothing_else(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(function: Callable[[EnvironmentParts], Any]) -> Any:
        environments = repository.environments(environment=function)
        monkeypatch.setattr(
            environments, "_address", lambda wheel: f"https://x.blob/{wheels.content_name(wheel)}"
        )
        return environments.made(repository.definition())

    function = repository.calls.environment
    assert function is not None
    (address,) = [
        package
        for package in made(function).python.conda_dependencies.pip_packages
        if "amlkit" in package
    ]
    assert address.startswith("https://x.blob/amlkit-")

    def other(parts: EnvironmentParts) -> Any:
        found = function(parts)
        if parts.wheels[0].startswith("https://"):
            found.python.conda_dependencies.add_pip_package("six==1.17.0")
        return found

    with pytest.raises(WorkError, match="addresses than when it is given their names"):
        made(other)


# Jobs.


def test_a_job_is_what_its_function_returns(repository: Repository) -> None:
    from azureml.core import ScriptRunConfig

    shape = repository.job_shape()
    assert shape == repository.job_shape()

    def same(job: JobParts, *more: str, place: str = "", image: str = "") -> Any:
        # As the template's, written otherwise.
        words = ["--data", job.data.as_named_input("data").as_download()]
        if job.champion:
            words += ["--champion", job.champion.as_named_input("champion").as_download()]
        if image:
            job.environment.docker.base_image = image
        config = ScriptRunConfig(
            job.code,
            command=["python", "-m", job.module, *words, *job.arguments, *more],
            compute_target=place or job.compute,
            environment=job.environment,
        )
        config.run_config.environment_variables = dict(job.variables)
        return config

    assert repository.job_shape(same) == shape
    assert repository.job_shape(lambda job: same(job, place="gpu-cluster")) == shape
    assert repository.job_shape(lambda job: same(job, "--epochs", "3")) != shape
    assert repository.job_shape(lambda job: same(job, image="contoso/x:1")) != shape


def test_the_champion_s_part_counts_but_no_champion_does(repository: Repository) -> None:
    shape = repository.job_shape()
    assert repository.job_shape(champion="1") == shape
    assert repository.job_shape(champion="2") == shape
    function = repository.calls.training_job
    assert function is not None

    def training_job(job: JobParts) -> Any:
        made = function(job)
        if job.champion is not None:
            made.command.append("--compare-more")
        return made

    assert repository.job_shape(training_job) != shape


def test_how_the_data_arrives_counts(repository: Repository) -> None:
    from azureml.core import ScriptRunConfig

    def job_by(verb: str) -> Callable[[JobParts], Any]:
        def training_job(job: JobParts) -> Any:
            words = [getattr(job.data.as_named_input("data"), verb)()]
            return ScriptRunConfig(job.code, command=["python", "-m", job.module, *words])

        return training_job

    assert repository.job_shape(job_by("as_mount")) != repository.job_shape(job_by("as_download"))


def test_inputs_may_stand_in_the_run_configuration(repository: Repository) -> None:
    from azureml.core import ScriptRunConfig

    def training_job(job: JobParts) -> Any:
        config = ScriptRunConfig(job.code, script="train.py", environment=job.environment)
        config.run_config.data = {"data": job.data.as_named_input("data")}
        return config

    assert repository.job_shape(training_job)


def test_paths_of_this_machine_are_no_part_of_it(tmp_path: Path) -> None:
    one, two = Repository(tmp_path / "one"), Repository(tmp_path / "two" / "deeper")
    assert one.job_shape() == two.job_shape()
    assert one.deployment_shape() == two.deployment_shape()


def test_a_job_without_a_function_is_made_with_its_inputs_in_place(repository: Repository) -> None:
    from azureml.core import Environment as SdkEnvironment

    class Input:
        """Stands for a FileDataset."""

        def as_named_input(self, name: str) -> Input:
            self.name = name
            return self

        def as_download(self) -> str:
            return f"<{self.name}>"

    class Target:
        """Stands for a compute target."""

        name, type, location, cluster_location = "cpu", "AmlCompute", "x", "x"

    data = DataAsset("penguins", "0123456789ab", "Sex", 10, "x", "1")
    job = Job(
        experiment="e",
        code=repository.root,
        code_version="c",
        command=("python", "score all.py", "--table", "${{inputs.table}}"),
        inputs={"table": data},
        environment=Environment("train", "1", False),
        resources=Resources(shm_size="4g"),
        variables={"A": "b"},
    )

    def made(job: Job) -> Any:
        return script_run_config(job, {"table": Input()}, Target(), SdkEnvironment("train"))

    shape = job_shape(made(job), {str(repository.root): "."})
    assert shape["command"] == ["python", "'score all.py'", "--table", "<table>"]
    assert shape["docker"]["shmSize"] == "4g"
    assert shape["environmentVariables"] == {"A": "b"}
    with pytest.raises(WorkError, match="word of its own"):
        made(dataclasses.replace(job, command=("python", "x.py", "--t=${{inputs.table}}")))
    with pytest.raises(WorkError, match="MpiConfiguration"):
        made(dataclasses.replace(job, resources=Resources(instance_count=2)))
    with pytest.raises(WorkError, match="one size"):
        made(dataclasses.replace(job, resources=Resources(instance_type="large")))


# Deployments.


def test_a_deployment_is_what_its_function_returns(repository: Repository) -> None:
    shape = repository.deployment_shape()
    assert shape == repository.deployment_shape()
    assert shape != repository.deployment_shape(cpu_cores=2.0)
    function = repository.calls.deployment
    assert function is not None

    def deployment(parts: DeploymentParts, **more: Any) -> Any:
        inference, service = function(parts)
        for name, value in more.items():
            setattr(service, name, value)
        return inference, service

    assert repository.deployment_shape(deployment) == shape
    assert (
        repository.deployment_shape(lambda parts: deployment(parts, enable_app_insights=True))
        != shape
    )
    # Secrets are hashed nowhere.
    for name in ("primary_key", "secondary_key", "ssl_key_pem_file", "ssl_cert_pem_file"):
        secret = {name: "a secret"}
        assert (
            repository.deployment_shape(lambda parts, secret=secret: deployment(parts, **secret))
            == shape
        )


def test_a_deployment_has_its_environment_s_content(repository: Repository) -> None:
    shape = repository.deployment_shape()
    with (repository.root / "requirements-serve-azure.txt").open("a", encoding="utf-8") as lock:
        lock.write("six==1.17.0\n")
    assert repository.deployment_shape() != shape


# What is no answer.


@pytest.mark.parametrize("kind", ["environment", "job", "deployment"])
def test_what_is_another_thing_is_refused_by_name_and_file(
    kind: str, repository: Repository
) -> None:
    ask: Any = {
        "environment": repository.version,
        "job": repository.job_shape,
        "deployment": repository.deployment_shape,
    }[kind]

    def my_function(parts: Any) -> Any:
        return ["not", "this"]

    with pytest.raises(WorkError) as refused:
        ask(my_function)
    assert "my_function() in" in str(refused.value)
    assert "test_owner_functions.py must return" in str(refused.value)
    assert "it returns list" in str(refused.value)

    def broken(parts: Any) -> Any:
        return parts.no_such_part

    with pytest.raises(WorkError, match=r"broken\(\) in .*: AttributeError: .*no_such_part"):
        ask(broken)


def test_the_file_is_named_from_the_repository(repository: Repository) -> None:
    path = repository.root / "src" / "environment.py"
    path.write_text("def environment(parts):\n    return 1\n", encoding="utf-8")
    spec = importlib.util.spec_from_file_location("of_this_owner", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.raises(WorkError, match=r"^environment\(\) in src/environment\.py must return"):
        repository.version(module.environment)


def test_a_function_that_changes_its_mind_is_refused(repository: Repository) -> None:
    numbers = random.Random(0)

    def environment(parts: EnvironmentParts) -> Any:
        made = repository.calls.environment and repository.calls.environment(parts)
        made.environment_variables["SEED"] = str(numbers.random())
        return made

    def training_job(job: JobParts) -> Any:
        made = repository.calls.training_job and repository.calls.training_job(job)
        made.run_config.environment_variables["SEED"] = str(numbers.random())
        return made

    def deployment(parts: DeploymentParts) -> Any:
        inference, service = repository.calls.deployment and repository.calls.deployment(parts)
        service.description = str(numbers.random())
        return inference, service

    for ask, function in (
        (repository.version, environment),
        (repository.job_shape, training_job),
        (repository.deployment_shape, deployment),
    ):
        with pytest.raises(WorkError, match="something else each time"):
            ask(function)  # type: ignore[operator]


def test_an_environment_of_another_name_is_refused(repository: Repository) -> None:
    def environment(parts: EnvironmentParts) -> Any:
        from azureml.core import Environment as SdkEnvironment

        return SdkEnvironment("mine")

    with pytest.raises(WorkError, match=r"'mine': name it parts\.name, which is 'train'"):
        repository.version(environment)


def test_without_functions_it_is_said_where_they_are(repository: Repository) -> None:
    repository.calls = Calls()
    with pytest.raises(WorkError, match=r"src/environment\.py"):
        repository.version()


def test_the_sdks_own_serialisers_hold_what_counts() -> None:
    """They are private: another version of the SDK must be looked at before it is pinned."""
    from azureml.core import VERSION, ScriptRunConfig
    from azureml.core import Environment as SdkEnvironment

    assert VERSION.startswith("1.61.0")
    shape = environment_shape(SdkEnvironment("any"))
    assert {"python", "docker", "environmentVariables"} <= shape.keys()
    assert {"condaDependencies", "userManagedDependencies"} <= shape["python"].keys()
    assert {"baseImage", "baseDockerfile", "buildContext"} <= shape["docker"].keys()
    job = job_shape(ScriptRunConfig(".", command=["python", "x.py"]))
    assert {"command", "environmentVariables", "nodeCount", "mpi", "pytorch"} <= job.keys()
    assert not {"target", "amlcompute"} & job.keys()
