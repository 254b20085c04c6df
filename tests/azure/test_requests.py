"""What `model.py` asks of Azure ML: nothing twice that cannot have changed meanwhile."""

from __future__ import annotations

import re
from collections import Counter

from tests.azure.conftest import AzureProject
from tests.foreign import replace_package

# A run and its log are looked at until it ends.
LOOKS = re.compile(r"/runs/RUN$|/user_logs(/std_log\.txt)?$")
# Asked again because it may have changed, or by the SDK itself when it submits and registers.
AGAIN = re.compile(r"PATCH|/models$|/computes/[^/]+$|/experiments/[^/]+$|/dataversion/|/snapshots/")
OF_JOB = re.compile(r"/mlflow/|/history/.*/artifacts/batch/")


def asked(project: AzureProject, seed: int) -> Counter[str]:
    """The requests of a training by method and path, without its looks and what its job asks."""
    mark = project.standin.journal.mark()
    flags = ("--replace-champion", "--set", f"training.seed={seed}")
    trained = project.done("model", *flags)
    assert trained["created"]
    entries = project.standin.journal.since(mark)
    found = (f"{e.method} {e.path}".replace(trained["run_id"], "RUN") for e in entries)
    return Counter(one for one in found if not (OF_JOB.search(one) or LOOKS.search(one)))


def test_nothing_is_asked_twice_and_versions_cost_nothing(project: AzureProject) -> None:
    replace_package(project.path)  # the driver asks the same, whatever trains
    project.done("data")
    project.done("environment")
    first, second, third = (asked(project, seed) for seed in (1, 2, 3))
    for requests in (first, second, third):
        twice = [one for one, times in requests.items() if times > 1]
        assert [one for one in twice if not AGAIN.search(one)] == []
    # The registry holds a version more, and is not asked for the run of each.
    assert registry(third) == registry(second)


def registry(requests: Counter[str]) -> Counter[str]:
    """Those that ask for models and runs."""
    return Counter(
        {
            one: times
            for one, times in requests.items()
            if "/modelmanagement/" in one or "/history/" in one
        }
    )
