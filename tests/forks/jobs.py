"""Jobs of the stand-in that train, as forks: most of such a job is spent importing the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock
from unittest import mock

from standin import processes
from standin.job import Job
from tests.forks import ForkServer, place_shim

FIRST = (
    *("pandas", "pyarrow.parquet", "sklearn.ensemble", "sklearn.linear_model"),
    *("sklearn.inspection", "matplotlib.figure", "skl2onnx", "onnxruntime", "mlflow"),
)
KEPT = (
    *("numpy", "pandas", "pyarrow", "scipy", "sklearn", "joblib", "matplotlib", "PIL"),
    *("onnx", "skl2onnx", "onnxruntime", "mlflow", "azureml", "azure", "google", "requests"),
)


@contextmanager
def forked_jobs(folder: Path) -> Iterator[None]:
    """A job whose command is `python -m …` is a fork, where its environment has scikit-learn.

    Others run by themselves: textbook scripts, and batch jobs, which start processes of their own.
    """
    servers: dict[Path, Path] = {}
    lock = Lock()
    with ExitStack() as stack:

        def forking(python: Path) -> Path:
            """The folder of a `python` that forks one like this."""
            with lock:
                if python not in servers:
                    env = processes.bare_environment() | {"MLFLOW_DISABLE_TELEMETRY": "true"}
                    server = stack.enter_context(ForkServer(python, env, FIRST, KEPT))
                    servers[python] = folder / str(len(servers))
                    servers[python].mkdir()
                    place_shim(servers[python] / "python", [str(python)], server.socket)
                return servers[python]

        def environment(self: Job, python: Path) -> dict[str, str]:
            given = real(self, python)
            command = str((self.run.definition or {}).get("command"))
            packages = python.parents[1].glob("lib/python*/site-packages/sklearn")
            if command.startswith("python -m ") and any(packages):
                return given | {"PATH": f"{forking(python)}:{given['PATH']}"}
            return given

        real = Job.environment
        with mock.patch.object(Job, "environment", environment):
            yield
