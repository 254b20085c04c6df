"""Which scripts of Azure/azureml-examples run, and what is changed in them: names, ids, pins.

The scripts are MIT-licensed and stay where they are: a clone of the repository is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.azure.examples.public import credit_card

REPOSITORY = "https://github.com/Azure/azureml-examples"
COMMIT = "085cd6ea399038c1e07843acff811f34261c0887"  # of 2026-07-31
SDK = "sdk/python"
ONLINE = f"{SDK}/endpoints/online"
BATCH = f"{SDK}/endpoints/batch/deploy-models"
PIPELINES = f"{SDK}/jobs/pipelines"
STARTED = "tutorials/get-started-notebooks"

Changes = tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False)
class Script:
    """A notebook or script at its path in the repository."""

    path: str
    folders: tuple[str, ...] = ()
    """What it reads beside its own folder."""
    changes: dict[str, Changes] = field(default_factory=dict)
    """File (relative to the script's folder, "" is the script) → what is written for what."""
    clusters: tuple[str, ...] = ()
    """Compute clusters that it expects to exist, beside `cpu-cluster`."""
    before: tuple[str, ...] = ()
    """Notebooks that a reader has run by then."""
    waits: tuple[int, ...] = ()
    """Cells after which the text says to wait until the submitted jobs are completed."""
    data: dict[str, Callable[[Path], None]] = field(default_factory=dict)
    """File that the text says to download → what writes one like it."""
    installs: tuple[str, ...] = ()
    """Pins of the curated image, for what jobs install by themselves: they reach no index here."""
    cannot: dict[int, str] = field(default_factory=dict)
    """Cell → why calls of it do not pass; compared with what happens."""
    failing_jobs: int = 0
    """Jobs that fail, for the reasons in `cannot`."""

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.rpartition("/")[2].rpartition(".")[0]


# Pins of Python 3.8 and 3.9, of which there is no wheel for the Python of jobs here; the server of
# azureml-defaults 1.53 imports `pkg_resources`, which setuptools has no longer.
OLD_PINS: Changes = (
    ("numpy=1.21.2", "numpy=1.23.5"),
    ("scikit-learn=0.24.2", "scikit-learn=1.2.2"),
    ("scikit-learn=1.0.2", "scikit-learn=1.2.2"),
    ("scipy=1.7.1", "scipy=1.10.1"),
    ("pandas>=1.1,<1.2", "pandas>=1.5,<1.6"),
    ("inference-schema[numpy-support]==1.3.0", "inference-schema[numpy-support]==1.8"),
    ("azureml-mlflow==1.42.0", "azureml-mlflow==1.60.0"),
    ("azureml-mlflow==1.51.0", "azureml-mlflow==1.60.0"),
    ("mlflow-skinny==2.3.2", "mlflow==2.16.2"),
    ("mlflow-skinny==2.8.0", "mlflow-skinny==2.16.2"),
    ("mlflow==2.8.0", "mlflow==2.16.2"),
    ("mlflow== 2.4.1", "mlflow==2.16.2"),
    ("psutil>=5.8,<5.9", "psutil>=5.9,<6"),
    ("psutil==5.8.0", "psutil==5.9.8"),
)
SERVER_PINS: Changes = (
    ("azureml-defaults==1.53.0", "azureml-defaults==1.62.0"),
    ("inference-schema[numpy-support]==1.5.1", "inference-schema[numpy-support]==1.8"),
)
HEART_PINS: Changes = (
    ("scikit-learn==1.1.2", "scikit-learn==1.1.3\n  - numpy==1.23.5"),
    ("cloudpickle==1.6.0", "cloudpickle==2.2.1"),
)
CREDIT_PINS: Changes = (
    ("scikit-learn==0.24.2", "scikit-learn==1.2.2\n  - numpy<2"),
    ("psutil==5.8.0", "psutil==5.9.8"),
)
MODELS: dict[str, Changes] = {
    f"../model-{number}/environment/conda.yaml": SERVER_PINS for number in (1, 2)
}
IN_IMAGE: Changes = (
    ("pip install 'mlflow<2.19' -q && ", ""),
    ("pip install 'mlflow<2.19' -q &&", ""),
)
# Newer ones cannot log a model on Azure ML (azure-sdk-for-python #44896): the repository's own
# scripts get this pin one after another (azureml-examples #3868, #3891).
MLFLOW = ("mlflow==2.18.0", "mlflow-skinny==2.18.0")

# Why calls cannot pass.
CONNECTIONS = "connections of a workspace are not played"
IMPORT = "import of data from other systems (data transfer jobs, schedules of them) is not played"
INSTANCE = "compute instances are not played: 400, and 501 for what is done with one"
WORKSPACES = (
    "a second workspace is not made by Resource Manager (a test adds one by `add_workspace`)"
)
GEN1 = "Azure Data Lake Storage Gen1 is not played; it is retired since 2024-02-29"
NO_PATH = "the script: `Input(folder=...)` names no path, which the SDK refuses before it asks"
PARALLEL = "parallel steps are not played"
DOCKER = "local deployments need Docker, which is not there"
TWICE = "the script: `code/` stands twice in the place of its scoring script"
LFS = "the images that it scores lie in Git LFS, so they are not in a clone"
PICKLED = (
    "its model is pickled by scikit-learn 0.24, whose estimators newer ones load but cannot use; "
    "of 0.24 there is no wheel for the Python of jobs here"
)
FSSPEC = "it reads azureml:// by azureml-fsspec, which it installs itself"


def cells(reason: str, *numbers: int) -> dict[int, str]:
    """The same reason for several cells."""
    return dict.fromkeys(numbers, reason)


SCRIPTS = (
    Script(f"{SDK}/assets/environment/environment.ipynb"),
    Script(
        f"{SDK}/assets/data/data.ipynb",
        changes={"env-mltable.yml": (("pandas==1.3.0", "pandas==2.2.3"),)},
        cannot={
            **cells(CONNECTIONS, 17, 19, 21),
            **cells(IMPORT, 24, 26, 28, 31, 33, 36, 38, 42, 44, 46, 48),
        },
    ),
    Script(f"{SDK}/assets/data/versioning.ipynb"),
    Script(f"{SDK}/assets/model/model.ipynb", installs=MLFLOW),
    Script(f"{SDK}/assets/component/component.ipynb"),
    Script(
        f"{SDK}/resources/compute/compute.ipynb",
        cannot=cells(INSTANCE, 7, 9, 11, 12, 13, 14, 16, 17),
    ),
    Script(f"{SDK}/resources/workspace/workspace.ipynb", cannot=cells(WORKSPACES, 8, 10, 12, 24)),
    Script(f"{SDK}/resources/datastores/datastore.ipynb", cannot={19: GEN1, 23: NO_PATH}),
    Script(
        f"{SDK}/schedules/job-schedule.ipynb",
        (f"{PIPELINES}/1a_pipeline_with_components_from_yaml",),
    ),
    Script(f"{SDK}/jobs/configuration.ipynb"),
    Script(f"{SDK}/jobs/single-step/lightgbm/iris/lightgbm-iris-sweep.ipynb"),
    Script(
        f"{SDK}/jobs/single-step/scikit-learn/train-hyperparameter-tune-deploy-with-sklearn/"
        "train-hyperparameter-tune-with-sklearn.ipynb",
        changes={"": (("scikit-learn=0.24.2", "scikit-learn=1.6.1"), *OLD_PINS)},
    ),
    Script(
        f"{PIPELINES}/1a_pipeline_with_components_from_yaml/"
        "pipeline_with_components_from_yaml.ipynb"
    ),
    Script(
        f"{PIPELINES}/1c_pipeline_with_hyperparameter_sweep/"
        "pipeline_with_hyperparameter_sweep.ipynb",
        changes={"train.yml": IN_IMAGE, "predict.yml": IN_IMAGE},
        installs=MLFLOW,
    ),
    Script(
        f"{PIPELINES}/1e_pipeline_with_registered_components/"
        "pipeline_with_registered_components.ipynb"
    ),
    Script(
        f"{PIPELINES}/1g_pipeline_with_parallel_nodes/pipeline_with_parallel_nodes.ipynb",
        clusters=("gpu-cluster",),
        cannot=cells(PARALLEL, 17, 18),
    ),
    Script(
        f"{PIPELINES}/1j_pipeline_with_pipeline_component/"
        "nyc_taxi_data_regression_with_pipeline_component/"
        "nyc_taxi_data_regression_with_pipeline_component.ipynb",
        installs=MLFLOW,
        clusters=("gpu-cluster",),
    ),
    Script(
        f"{PIPELINES}/1j_pipeline_with_pipeline_component/"
        "pipeline_with_train_eval_pipeline_component/"
        "pipeline_with_train_eval_pipeline_component.ipynb",
        clusters=("gpu-cluster",),
    ),
    Script(
        f"{PIPELINES}/2c_nyc_taxi_data_regression/nyc_taxi_data_regression.ipynb", installs=MLFLOW
    ),
    Script(f"{PIPELINES}/stepsequence/pipeline_with_step_sequence_dummy_dependencies.ipynb"),
    Script(
        f"{ONLINE}/managed/online-endpoints-simple-deployment.ipynb",
        (ONLINE,),
        MODELS,
        cannot=cells(DOCKER, 15, 17, 20, 22, 24),
    ),
    Script(f"{ONLINE}/managed/online-endpoints-safe-rollout.ipynb", (ONLINE,), MODELS),
    Script(
        f"{ONLINE}/managed/online-endpoints-multimodel.ipynb",
        (
            "cli/endpoints/online/custom-container/minimal/multimodel",
            f"{SDK}/assets/environment/conda-yamls",
        ),
    ),
    Script(
        f"{ONLINE}/managed/online-endpoints-inference-schema.ipynb",
        changes={"inference-schema/env.yml": (("- numpy\n", "- numpy<2\n"),)},
    ),
    Script(f"{ONLINE}/managed/online-endpoints-binary-payloads.ipynb", cannot={32: TWICE}),
    Script(f"{ONLINE}/managed/online-endpoints-openapi.ipynb", (f"{ONLINE}/model-1",)),
    Script(f"{ONLINE}/mlflow/online-endpoints-deploy-mlflow-model.ipynb"),
    Script(f"{ONLINE}/mlflow/online-endpoints-deploy-mlflow-model-with-script.ipynb"),
    Script(
        f"{BATCH}/mnist-classifier/mnist-batch.ipynb",
        ("assets/batch-endpoints-data/mnist-batch",),
        cannot=cells(LFS, 42, 44, 46, 48, 51, 58, 60, 78, 80, 82, 84, 87),
    ),
    Script(
        f"{BATCH}/heart-classifier-mlflow/mlflow-for-batch-tabular.ipynb",
        changes={"environment/conda.yaml": HEART_PINS, "model/conda.yaml": HEART_PINS},
    ),
    Script(
        f"{BATCH}/custom-outputs-parquet/custom-output-batch.ipynb",
        ("assets/batch-endpoints-data/custom-output",),
        {"environment/conda.yaml": HEART_PINS},
    ),
    Script(
        f"{STARTED}/quickstart.ipynb",
        waits=(15,),
        installs=MLFLOW,
    ),
    Script(f"{STARTED}/train-model.ipynb", changes={"": OLD_PINS}),
    Script(
        f"{STARTED}/deploy-model.ipynb",
        changes={"deploy/credit_defaults_model/conda.yaml": CREDIT_PINS},
        cannot=cells(PICKLED, 32, 42),
    ),
    Script(
        f"{STARTED}/explore-data.ipynb",
        data={"data/default_of_credit_card_clients.csv": credit_card},
        cannot=cells(FSSPEC, 13, 15),
    ),
    Script(
        f"{STARTED}/pipeline.ipynb",
        changes={"": (*OLD_PINS, *IN_IMAGE)},
        installs=MLFLOW,
        before=(f"{STARTED}/explore-data.ipynb",),
        data={"data/default_of_credit_card_clients.csv": credit_card},
    ),
    Script(
        "tutorials/azureml-in-a-day/azureml-in-a-day.ipynb",
        changes={
            "": (
                ("- mlflow\\n", "- mlflow==2.18.0\\n"),
                ("- azureml-mlflow\\n", "- azureml-mlflow==1.60.0\\n"),
            )
        },
        waits=(24,),
    ),
    Script(
        "tutorials/e2e-ds-experience/e2e-ml-workflow.ipynb",
        changes={"": OLD_PINS},
        installs=MLFLOW,
        waits=(43,),
    ),
)
