"""The model registry of a workspace: what is registered, by whom first, and from which run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from amlkit.azure.connection import SharedConnection, on_azure
from amlkit.content import new_folder
from amlkit.records import Model, Run

# A tag of a model takes more, but what people look at in a list should be short.
LONGEST_TAG = 1000
# Of what a run wrote, what is registered.
MODEL_PATH = "outputs/model"


class SharedModels:
    """Versions as numbers, the newest the champion; an SDK's own class asks for them."""

    def __init__(self, connection: SharedConnection) -> None:
        self.connection = connection

    # What an SDK's own class says.

    def every(self, name: str, *, run_id: str = "", latest: bool = False) -> list[Model]:
        """Registered versions, the oldest first: all, those of a run, or the newest alone."""
        raise NotImplementedError

    def add(self, run: Run, tags: Mapping[str, str], properties: Mapping[str, str]) -> Model:
        """Registers a run's `outputs/model/` as the next version.

        Raises:
            WorkError: the run wrote none.
        """
        raise NotImplementedError

    def remove(self, model: Model) -> None:
        """Deletes a version."""
        raise NotImplementedError

    def fetch(self, model: Model, folder: Path) -> None:
        """Downloads a version's files into a folder."""
        raise NotImplementedError

    def numbered(self, name: str, numbers: range) -> list[Model]:
        """Those of these numbers that there are, the oldest first."""
        return [model for model in self.every(name) if int(model.version) in numbers]

    # What is the same with either.

    @on_azure
    def champion(self, name: str) -> Model | None:
        """See `Models.champion`."""
        newest = self.every(name, latest=True)
        return newest[-1] if newest else None

    @on_azure
    def versions(self, name: str) -> list[Model]:
        """See `Models.versions`."""
        return self.every(name)

    @on_azure
    def of_run(self, name: str, run_id: str) -> Model | None:
        """See `Models.of_run`."""
        found = self.every(name, run_id=run_id)
        return found[-1] if found else None

    @on_azure
    def register(
        self, run: Run, tags: Mapping[str, str], accept: Callable[[Model | None], bool]
    ) -> Model | None:
        """See `Models.register`.

        The workspace has no lock: a version that came in between is looked at afterwards, and ours
        is taken back where it would not have been accepted beside that one.
        """
        name = run.model_name
        self.connection.forget("models")
        champion = self.champion(name)
        # With the champion that the run began with, nothing was registered since, by it or another.
        if champion is not None and champion.version != run.champion:
            known = self.every(name, run_id=run.id)
            if known:
                return known[-1]
        if not accept(champion):
            return None
        kept = short(tags)
        if "schema" not in kept:
            kept["schema"] = "too long for a tag: see schema.json beside the model"
        measured = json.loads(tags.get("metrics", "{}"))
        properties = {metric: f"{value:.6g}" for metric, value in measured.items()}
        done = self.add(run, {**kept, "run_id": run.id}, properties)
        numbers = range(int(champion.version) + 1 if champion else 1, int(done.version))
        between = self.numbered(name, numbers) if numbers else []
        if between and not accept(between[-1]):
            self.remove(done)
            return None
        return done

    @on_azure
    def read(self, model: Model, path: str) -> bytes | None:
        """See `Models.read`."""
        file = self.download(model) / path
        return file.read_bytes() if file.is_file() else None

    @on_azure
    def download(self, model: Model) -> Path:
        """See `Models.download`: downloaded once."""
        home = self.connection.folder / "models" / model.name / model.version
        if not home.is_dir():
            with new_folder(home) as half:
                self.fetch(model, half)
        inside = list(home.iterdir())
        # A registered folder comes with its own name.
        return inside[0] if len(inside) == 1 and inside[0].is_dir() else home


def short(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that are not too long."""
    return {key: value for key, value in tags.items() if len(value) <= LONGEST_TAG}


def in_order(found: Any) -> list[Model]:
    """Versions, the oldest first: numbers, not texts; what has a word for a version is not ours."""
    numbered = [model for model in found if model.version.isdigit()]
    return sorted(numbered, key=lambda model: int(model.version))
