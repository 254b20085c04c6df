"""The stand-in's jobs, by the unmodified SDK: real execution, logs, metrics, images, inputs."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import psutil
import pytest

from standin import StandIn
from standin.interpreters import Recipe
from standin.local_jobs import LocalJob
from standin.odata import parse
from standin.routing import AzureError, Request
from tests.azure.client import Client

#: What a job needs that reports to its run by azureml-core and by MLflow.
PACKAGES = "'azureml-core==1.61.0.post4', 'azureml-mlflow==1.62.0.post6', 'mlflow-skinny==3.15.0'"


@pytest.fixture(scope="module")
def client(standin: StandIn, sdk_python: str, tmp_path_factory: pytest.TempPathFactory) -> Client:
    """A client in a folder of this module's own."""
    return Client(standin, sdk_python, tmp_path_factory.mktemp("jobs"))


TRAIN = """
import sys
from azureml.core import Run
print("arguments", sys.argv[1:], flush=True)
run = Run.get_context()
run.log("accuracy", 0.9)
for loss in (3, 2, 1):
    run.log("loss", loss)
run.log_list("numbers", [1, 2])
run.log_table("table", {"x": [1, 2], "y": [3, 4]})
run.tag("inside", "yes")
open("outputs/model.pkl", "w").write("weights")
open("logs/own.txt", "w").write("mine")
open("aside.txt", "w").write("aside")
run.upload_file("extra/aside.txt", "aside.txt")
"""


@pytest.fixture(scope="module")
def textbook(client: Client) -> dict[str, Any]:
    """The plain sequence of a run, and what the client sees of it."""
    seen: dict[str, Any] = client.run(
        f"""
        env = environment("textbook", {PACKAGES})
        run = submit("textbook", read("train"), "--n", 4, environment=env, tags={{"a": "b c"}})
        details = run.wait_for_completion(show_output=True)
        model = run.register_model("textbook", model_path="outputs/model.pkl", tags={{"t": "1"}})
        model.download("downloaded", exist_ok=True)
        run.download_file("user_logs/std_log.txt", "std_log.txt")
        print(json.dumps({{
            "id": run.id, "status": details["status"], "files": run.get_file_names(),
            "metrics": run.get_metrics(), "tags": run.get_tags(), "log": open("std_log.txt").read(),
            "model": [model.name, model.version, model.run_id],
            "content": open("downloaded/model.pkl").read(),
            "environment": run.get_environment().version,
            "number": run.number, "snapshot": run.get_properties()["ContentSnapshotId"],
        }}))
        """,
        train=TRAIN,
    )
    return seen


def test_a_snapshot_is_executed_and_reports_to_its_run(textbook: dict[str, Any]) -> None:
    assert textbook["status"] == "Completed"
    assert "arguments ['--n', '4']" in textbook["log"]
    assert textbook["metrics"] == {
        "accuracy": 0.9,
        "loss": [3, 2, 1],
        "numbers": [1, 2],
        "table": {"x": [1, 2], "y": [3, 4]},
    }
    assert textbook["tags"] == {"a": "b c", "inside": "yes"}
    expected = {"outputs/model.pkl", "logs/own.txt", "extra/aside.txt", "user_logs/std_log.txt"}
    assert expected <= set(textbook["files"])
    assert textbook["snapshot"]
    assert textbook["environment"] == "1"


def test_a_model_is_registered_from_a_run(textbook: dict[str, Any]) -> None:
    assert textbook["model"] == ["textbook", 1, textbook["id"]]
    assert textbook["content"] == "weights"


def test_a_second_run_in_the_same_environment_builds_nothing(
    client: Client, standin: StandIn, textbook: dict[str, Any]
) -> None:
    builds = len(standin.builds)
    seen = client.run(
        f"""
        env = environment("textbook-renamed", {PACKAGES})
        run = submit("textbook", "print('again')", environment=env)
        details = run.get_environment().get_image_details(ws)
        print(json.dumps([wait(run)["status"], details.image_exist]))
        """
    )
    assert seen == ["Completed", True]
    assert len(standin.builds) == builds


def test_runs_are_found_by_tag_property_and_id(client: Client, textbook: dict[str, Any]) -> None:
    found = client.run(
        f"""
        experiment = Experiment(ws, "textbook")
        Run.get(ws, "{textbook["id"]}").add_properties({{"kind": "first"}})
        print(json.dumps([
            [run.id for run in experiment.get_runs(tags={{"a": "b c"}})],
            [run.id for run in experiment.get_runs(tags="nobody")],
            [run.id for run in experiment.get_runs(properties={{"kind": "first"}})],
            ws.get_run("{textbook["id"]}").get_status(),
            list(ws.experiments),
        ]))
        """
    )
    assert found[:4] == [[textbook["id"]], [], [textbook["id"]], "Completed"]
    assert "textbook" in found[4]


def test_a_failing_script_fails_its_run(client: Client) -> None:
    status, error, log = client.run(
        """
        source = "import time; print('before', flush=True); raise ValueError('no good')"
        run = submit("failing", source, environment=environment("bare"))
        details = wait(run)
        run.download_file("user_logs/std_log.txt", "failed.txt")
        print(json.dumps([details["status"], details["error"]["error"], open("failed.txt").read()]))
        """
    )
    assert status == "Failed"
    assert error["code"] == "UserError"
    assert "exited with status code 1" in error["message"]
    assert "before" in log
    assert "ValueError: no good" in log


def lives(pid: int) -> bool:
    """Whether a process runs; one that has ended may wait to be reaped."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_the_log_says_what_was_swapped(client: Client) -> None:
    log = client.run(
        """
        env = environment("swapped", python="3.7")
        env.python.conda_dependencies.add_conda_package("no-such-conda-package")
        env.python.conda_dependencies.add_conda_package("libgcc-ng")
        run = submit("swapped", "print('done')", environment=env)
        wait(run)
        run.download_file("user_logs/std_log.txt", "swapped.txt")
        print(json.dumps(open("swapped.txt").read()))
        """
    )
    assert "stand-in: Python 3.7 swapped for" in log
    assert "'libgcc-ng' left out" in log
    assert "no 'no-such-conda-package' among pip's packages: left out" in log
    assert log.endswith("done\n")


def test_a_running_job_shows_its_log_and_can_be_canceled(client: Client) -> None:
    shown, status, log = client.run(
        """
        import requests
        run = submit("canceling", read("lasting"), environment=environment("bare"))
        shown = ""
        while "line 5" not in shown:
            time.sleep(0.3)
            address = run.get_details()["logFiles"].get("user_logs/std_log.txt")
            shown = requests.get(address).text if address else ""
        run.cancel()
        status = wait(run)["status"]
        run.download_file("user_logs/std_log.txt", "canceled.txt")
        print(json.dumps([shown, status, open("canceled.txt").read()]))
        """,
        lasting="""
        import subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print("child", child.pid, flush=True)
        for number in range(600):
            print("line", number, flush=True)
            time.sleep(0.1)
        """,
    )
    assert status == "Canceled"
    assert "line 0" in shown
    assert "line 599" not in log
    assert not lives(int(log.split("child ")[1].split()[0]))


def test_a_command_runs_in_a_shell_with_the_variables_of_its_environment(client: Client) -> None:
    status, log = client.run(
        """
        env = environment("variables")
        env.environment_variables = {"COLOUR": "blue"}
        os.makedirs("src", exist_ok=True)
        command = ["echo", "$COLOUR", "&&", "python", "-c", "'print(6 * 7)'"]
        target = dict(compute_target="cpu-cluster", environment=env)
        config = ScriptRunConfig("src", command=command, **target)
        run = Experiment(ws, "command").submit(config)
        status = wait(run)["status"]
        run.download_file("user_logs/std_log.txt", "command.txt")
        print(json.dumps([status, open("command.txt").read()]))
        """
    )
    assert status == "Completed"
    assert "blue\n42" in log


def test_a_dataset_reaches_the_job_as_a_folder(client: Client) -> None:
    status, log = client.run(
        """
        os.makedirs("data", exist_ok=True)
        open("data/a.csv", "w").write("x,y\\n1,2\\n")
        store = ws.get_default_datastore()
        store.upload("data", target_path="jobs-input", overwrite=True, show_progress=False)
        dataset = Dataset.File.from_files((store, "jobs-input"), validate=False)
        dataset = dataset.register(ws, "jobs-input", create_new_version=True)
        mounted = dataset.as_named_input("table").as_mount()
        run = submit("inputs", read("reads"), "--data", mounted, environment=environment("bare"))
        status = wait(run)["status"]
        run.download_file("user_logs/std_log.txt", "inputs.txt")
        print(json.dumps([status, open("inputs.txt").read()]))
        """,
        reads="""
        import os, sys
        folder = sys.argv[2]
        print(sorted(os.listdir(folder)), open(os.path.join(folder, "a.csv")).read())
        print(os.environ["table"] == folder)
        """,
    )
    assert status == "Completed", log
    assert "['a.csv'] x,y\n1,2" in log
    assert "True" in log


def test_a_path_of_a_datastore_reaches_the_job(client: Client) -> None:
    status, log = client.run(
        """
        os.makedirs("referred", exist_ok=True)
        open("referred/b.csv", "w").write("z\\n3\\n")
        store = ws.get_default_datastore()
        store.upload("referred", target_path="referred", overwrite=True, show_progress=False)
        reference = store.path("referred").as_download()
        source = "import os, sys; print(os.listdir(sys.argv[1]))"
        os.makedirs("reading", exist_ok=True)
        open("reading/train.py", "w").write(source)
        config = ScriptRunConfig("reading", "train.py", arguments=[str(reference)])
        config.run_config.target = "cpu-cluster"
        config.run_config.environment = environment("bare")
        config.run_config.data_references = {
            reference.data_reference_name: reference.to_config()
        }
        run = Experiment(ws, "inputs").submit(config)
        status = wait(run)["status"]
        run.download_file("user_logs/std_log.txt", "referred.txt")
        print(json.dumps([status, open("referred.txt").read()]))
        """
    )
    assert status == "Completed", log
    assert "['b.csv']" in log


def wheel(folder: Path, version: str, says: str) -> Path:
    """A wheel of one module, made by hand."""
    path = folder / f"standin_private-{version}-py3-none-any.whl"
    info = f"standin_private-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("standin_private.py", f"SAYS = {says!r}\n")
        meta = f"Metadata-Version: 2.1\nName: standin-private\nVersion: {version}\n"
        archive.writestr(f"{info}/METADATA", meta)
        tag = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr(f"{info}/WHEEL", tag)
        archive.writestr(f"{info}/RECORD", "")
    return path


def test_a_private_wheel_is_installed_in_the_image(client: Client) -> None:
    made = wheel(client.folder, "1.0", "from the wheel")
    status, log = client.run(
        f"""
        address = Environment.add_private_pip_wheel(ws, "{made.name}", exist_ok=True)
        env = environment("wheel", address)
        source = "import standin_private; print(standin_private.SAYS)"
        run = submit("wheel", source, environment=env)
        status = wait(run)["status"]
        run.download_file("user_logs/std_log.txt", "wheel.txt")
        print(json.dumps([status, open("wheel.txt").read()]))
        """
    )
    assert status == "Completed"
    assert "from the wheel" in log


def test_a_package_that_does_not_resolve_fails_the_build_and_the_run(client: Client) -> None:
    details, log = client.run(
        """
        run = submit("unresolved", "print()", environment=environment("no-such", "pandas==0.0.99"))
        details = wait(run)
        run.download_file("azureml-logs/20_image_build_log.txt", "build.txt")
        kept = {key: details[key] for key in ("status", "error")}
        print(json.dumps([kept, open("build.txt").read()]))
        """
    )
    assert details["status"] == "Failed"
    assert details["error"]["error"]["message"].startswith("Image build failed.")
    assert "pandas==0.0.99" in log


def test_an_environment_is_built_once_and_versioned_by_content(
    client: Client, standin: StandIn
) -> None:
    before = len(standin.builds)
    seen = client.run(
        """
        env = environment("built", "idna==3.8")
        first = env.register(ws)
        again = env.register(ws)
        missing = first.get_image_details(ws).image_exist
        build = first.build(ws)
        begun = build.status
        build.wait_for_completion(show_output=False)
        other = environment("built", "idna==3.9").register(ws)
        print(json.dumps([first.version, again.version, other.version, missing, begun,
            build.status, build.get_log(), first.get_image_details(ws).image_exist,
            Environment.get(ws, "built").version, Environment.get(ws, "built", "1").version]))
        """
    )
    assert seen[:4] == ["1", "1", "2", False]
    assert seen[4] in ("Queued", "Running")
    assert seen[5] == "Succeeded"
    assert "idna==3.8" in seen[6]
    assert seen[7:] == [True, "2", "1"]
    assert [image.environment for image in standin.builds[before:]] == ["built:1"]


def test_an_unknown_environment_and_a_refused_name(client: Client) -> None:
    assert "Code: 404" in client.fail('Environment.get(ws, "nobody")')
    assert "Code: 400" in client.fail('environment("no good").register(ws)')


def test_a_ready_made_image_is_used_as_it_is(client: Client, standin: StandIn) -> None:
    standin.images["registry.example/ready:1"] = ["idna==3.10"]
    builds = len(standin.builds)
    statuses = client.run(
        """
        details = []
        for image in ("registry.example/ready:1", "registry.example/gone:1"):
            env = Environment(image.split("/")[1].replace(":", "-"))
            env.docker.base_image = image
            env.python.user_managed_dependencies = True
            run = submit("ready", "import idna; print(idna.__version__)", environment=env)
            found = wait(run)
            details.append([found["status"], str(found.get("error"))])
        print(json.dumps(details))
        """
    )
    assert statuses[0][0] == "Completed"
    assert statuses[1][0] == "Failed"
    assert "registry.example/gone:1" in statuses[1][1]
    assert len(standin.builds) == builds


def test_an_unknown_cluster_is_refused(client: Client) -> None:
    said = client.fail(
        """
        config = ScriptRunConfig("src", "train.py", compute_target="nobody")
        Experiment(ws, "refused").submit(config)
        """
    )
    assert "nobody" in said


def test_metrics_of_mlflow_and_of_the_run_are_the_same(client: Client) -> None:
    seen = client.run(
        f"""
        run = submit("tracking", read("tracks"), environment=environment("textbook", {PACKAGES}))
        status = wait(run)["status"]
        import mlflow
        mlflow.set_tracking_uri(ws.get_mlflow_tracking_uri())
        found = mlflow.get_run(run.id)
        client = mlflow.MlflowClient()
        history = [[one.step, one.value] for one in client.get_metric_history(run.id, "auc")]
        listed = [one.path for one in client.list_artifacts(run.id)]
        searched = client.search_runs([found.info.experiment_id], "metrics.f1 > 0.2")
        print(json.dumps([status, run.get_metrics(), found.data.metrics, found.data.params,
            run.get_tags().get("colour"), history, listed, len(searched), found.info.status,
            "notes/hello.txt" in run.get_file_names()]))
        """,
        tracks="""
        import mlflow
        from azureml.core import Run
        with mlflow.start_run():
            mlflow.log_metric("auc", 0.5, step=1)
            mlflow.log_metric("auc", 0.75, step=2)
            mlflow.log_metrics({"f1": 0.25})
            mlflow.log_param("depth", 3)
            mlflow.set_tag("colour", "blue")
            mlflow.log_text("hello", "notes/hello.txt")
        Run.get_context().log("by_run", 7)
        """,
    )
    assert seen[0] == "Completed"
    assert seen[1] == {"auc": [0.5, 0.75], "f1": 0.25, "by_run": 7}
    assert seen[2] == {"auc": 0.75, "f1": 0.25, "by_run": 7}
    assert seen[3:5] == [{"depth": "3"}, "blue"]
    assert seen[5] == [[1, 0.5], [2, 0.75]]
    assert "notes" in seen[6]
    assert seen[7:] == [1, "FINISHED", True]


def test_a_client_drives_runs_of_its_own(client: Client) -> None:
    seen = client.run(
        """
        import mlflow
        experiment = Experiment(ws, "interactive")
        run = experiment.start_logging(snapshot_directory=None)
        run.log("x", 1)
        child = run.child_run("child")
        child.complete()
        run.complete()
        mlflow.set_tracking_uri(ws.get_mlflow_tracking_uri())
        mlflow.set_experiment("by-mlflow")
        with mlflow.start_run(run_name="named") as tracked:
            mlflow.log_metric("y", 2)
            open("artifact.txt", "w").write("kept")
            mlflow.log_artifact("artifact.txt")
        found = Run.get(ws, tracked.info.run_id)
        time.sleep(0.5)
        children = [one.id for one in run.get_children()]
        print(json.dumps([run.get_status(), run.get_metrics(), children, child.id,
            found.get_status(), found.get_metrics(), found.display_name,
            found.get_file_names()]))
        """
    )
    assert seen[:2] == ["Completed", {"x": 1}]
    assert seen[2] == [seen[3]]
    assert seen[4:] == ["Completed", {"y": 2}, "named", ["artifact.txt"]]


def test_a_run_on_the_clients_own_machine(client: Client, textbook: dict[str, Any]) -> None:
    """azureml-core's default, where a script names no compute target."""
    seen = client.run(
        f"""
        import tempfile
        tempfile.tempdir = os.getcwd()  # the client leaves its folders there

        def local(source, env):
            os.makedirs("own", exist_ok=True)
            with open("own/train.py", "w") as file:
                file.write(source)
            config = ScriptRunConfig("own", "train.py", arguments=["7"], environment=env)
            return Experiment(ws, "local").submit(config)

        os.environ["OF_THE_CLIENT"] = "its own"
        env = Environment("managed")
        env.python.user_managed_dependencies = True
        env.python.interpreter_path = os.path.abspath("pythön of $mine")
        os.symlink(sys.executable, env.python.interpreter_path)
        told = "import os, sys; print(os.environ['OF_THE_CLIENT'], os.getcwd(), sys.argv[1:])"
        run = local(told + "; open('outputs/model.txt', 'w').write('weights')", env)
        ended = wait(run)
        run.download_file("user_logs/std_log.txt", "local.txt")
        failed = wait(local("raise SystemExit(3)", env))
        installed = environment("textbook", {PACKAGES})
        inside = local("from azureml.core import Run; Run.get_context().log('x', 1)", installed)
        print(json.dumps([ended["status"], open("local.txt").read(), run.get_file_names(),
            ended["target"], failed["status"], wait(inside)["status"], inside.get_metrics()]))
        """
    )
    status, log, files, target, failed, installed, metrics = seen
    assert (status, target, failed, installed) == ("Completed", "local", "Failed", "Completed")
    assert "its own" in log and "azureml_runs" in log and "['7']" in log
    assert "outputs/model.txt" in files and metrics == {"x": 1}


def test_a_local_run_goes_on_for_its_own_machine_alone(standin: StandIn) -> None:
    azure = standin.azure
    run = azure.runs.create("alone", azure.runs.ensure_experiment("alone"), None)
    job = azure.local_jobs.jobs[run.id] = LocalJob(azure, run)
    body = b'{"key": "guessed", "folder": "/", "python": "python", "environment": {}}'
    request = Request("PUT", "standin.invalid", "/localruns/alone", {}, {}, body)
    with pytest.raises(AzureError, match="no local run alone has that key"):
        azure.local_jobs.begin(request, run.id)
    assert not job.begun.is_set()


WRITES = """
import os, sys
from azureml.core import Run
for folder in sys.argv[1:]:
    for name in ("a.csv", "b.txt"):
        with open(os.path.join(folder, name), "w") as file:
            file.write(name)
assert sys.argv[1] in Run.get_context().output_datasets.values()
"""


def test_outputs_go_to_their_datastore(client: Client, textbook: dict[str, Any]) -> None:
    """As in Azure/MachineLearningNotebooks, scriptrun-with-data-input-output."""
    seen = client.run(
        f"""
        from azureml.data import OutputFileDatasetConfig as Output
        store, env = ws.get_default_datastore(), environment("textbook", {PACKAGES})
        kept = Output("kept", (store, "of/{{run-id}}")).register_on_complete("kept")
        csv = Output("csv", (store, "csv")).as_upload(source_globs="**/*.csv")
        txt = Output("txt", (store, "csv")).as_upload(source_globs="*.txt")  # beside, not over
        plain = Output("plain", source="given/folder")
        run = submit("outputs", read("writes"), kept, csv, txt, plain, environment=env)
        details = wait(run)
        names = [one["outputDetails"]["outputName"] for one in details["outputDatasets"]]
        again = Output("csv", (store, "csv")).as_upload()
        refused = wait(submit("outputs", read("writes"), again, environment=env))
        data = Dataset.get_by_name(ws, "kept")
        data.download("got", overwrite=True)
        store.download("down", "csv", show_progress=False)
        store.download("down", f"dataset/{{run.id}}/plain", show_progress=False)
        print(json.dumps([details["status"], sorted(names), data.version,
            sorted(os.listdir("got")), sorted(os.listdir("down/csv")),
            sorted(os.listdir(f"down/dataset/{{run.id}}/plain")),
            refused["status"], refused["error"]["error"]["message"]]))
        """,
        writes=WRITES,
    )
    assert seen[:4] == ["Completed", ["csv", "kept", "plain", "txt"], 1, ["a.csv", "b.txt"]]
    assert seen[4:6] == [["a.csv", "b.txt"]] * 2
    assert seen[6] == "Failed" and "csv/a.csv" in seen[7]


def test_secrets_of_the_workspace_reach_a_job(client: Client, textbook: dict[str, Any]) -> None:
    seen = client.run(
        f"""
        vault, env = ws.get_default_keyvault(), environment("textbook", {PACKAGES})
        vault.set_secret("word", "of the vault")
        vault.set_secrets({{"one": "1", "two": "2"}})
        vault.delete_secret("two")
        inside = "from azureml.core import Run; r = Run.get_context(); "
        run = submit("secrets", inside + "r.log('n', len(r.get_secret('word')))", environment=env)
        try:
            vault.set_secret("no_underscores", "x")
        except Exception as error:
            said = str(error)
        print(json.dumps([vault.get_secrets(["word", "two"]), vault.list_secrets(), said,
            wait(run)["status"], run.get_metrics()]))
        """
    )
    assert seen[0] == {"word": "of the vault", "two": None}
    assert sorted(one["name"] for one in seen[1]) == ["one", "word"]
    assert "no_underscores" in seen[2]
    assert seen[3:] == ["Completed", {"n": 12}]


def test_microsofts_environments_are_in_every_workspace(client: Client, standin: StandIn) -> None:
    seen = client.run(
        """
        from azureml._execution._commands import _serialize_run_config_to_dict as serialised
        found = Environment.get(ws, "AzureML-sklearn-1.5")
        config = ScriptRunConfig(".", "x.py", environment=found).run_config
        listed = [name for name in Environment.list(ws) if name.startswith("AzureML-")]
        print(json.dumps([listed, serialised(config)["environment"]]))
        """
    )
    assert "AzureML-lightgbm-3.3" in seen[0]
    resolved = standin.azure.environments.resolve(seen[1])
    assert resolved["docker"]["baseImage"] == "mcr.microsoft.com/azureml/curated/sklearn-1.5"


def test_conda_packages_are_swapped_for_those_of_pip() -> None:
    dependencies = [
        "python=3.11",
        "conda-forge::numpy=1.26=py_0",
        "libgcc-ng",
        {"pip": ["a==1", "-f x"]},
    ]
    recipe = Recipe.of_definition({"python": {"condaDependencies": {"dependencies": dependencies}}})
    assert recipe.python == "3.11"
    assert recipe.conda == ("numpy==1.26.*",)
    assert recipe.pip == ("a==1",)
    assert len(recipe.notes) == 3


@pytest.mark.parametrize(
    ("expression", "fits"),
    [
        ('(Tags/a eq "b c")', True),
        ('(Tags/a eq "b")', False),
        ('(Tags/of whom eq "d e")', True),
        ("((Tags/a ne null or Tags/a eq null) and (ParentRunId eq null))", True),
        ("(Tags/b ne null or Tags/b eq null)", False),
        ("(CreatedUtc ge 2020-01-01 00:00:00)", True),
        ("RootRunId eq r and RunId ne r", False),
    ],
)
def test_the_filters_of_the_sdk(expression: str, fits: bool) -> None:
    tags = {"a": "b c", "of whom": "d e"}
    run = {"tags": tags, "parentRunId": None, "createdUtc": "2024-01-01T00:00:00+00:00"}
    assert parse(expression)({**run, "rootRunId": "r", "runId": "r"}) is fits
