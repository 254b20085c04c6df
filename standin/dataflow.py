"""What a job's runtime does with a FileDataset: download the files that its definition names.

The definition is the YAML of the native engine (`meta.RsDataflow`). Where files go below the folder
is what `FileDataset.download` of azureml-dataset-runtime 1.62 was seen to do.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from .errors import not_played
from .routing import AzureError

if TYPE_CHECKING:
    from .standin import Azure

_URI = re.compile(r"^azureml://.*?/datastores/(?P<store>[^/]+)/paths/(?P<path>.*)$", re.I)


@dataclass(frozen=True)
class Source:
    """One entry of a definition: a datastore and a path that may hold `*`, `**` and `?`."""

    store: str
    path: str

    @property
    def fixed(self) -> str:
        """What stands before the first wildcard, up to the last slash if there is one."""
        head = re.split(r"[*?]", self.path, maxsplit=1)[0]
        return head if head == self.path else head[: head.rfind("/") + 1]

    def matches(self, name: str) -> bool:
        """Whether a blob belongs to it: by pattern, as the file itself, or below the folder."""
        pattern = "".join(
            ".*" if part == "**" else "[^/]*" if part == "*" else "[^/]" if part == "?"
            else re.escape(part)
            for part in re.split(r"(\*\*|\*|\?)", self.path)
        )  # fmt: skip
        return not self.path or re.fullmatch(f"{pattern.rstrip('/')}(/.*)?", name) is not None


def sources(dataflow: str) -> list[Source]:
    """The entries of a definition. AzureError 501 for a source that is not a datastore."""
    definition = yaml.safe_load(json.loads(dataflow)["meta"]["RsDataflow"])
    found = []
    for entry in definition.get("paths") or []:
        uri = str(next(iter(entry.values())))
        match = _URI.match(uri)
        if match is None:
            raise not_played(f"data from {uri}")
        found.append(Source(match["store"], match["path"].lstrip("/")))
    return found


def materialise(azure: Azure, dataflow: str, folder: Path) -> Path:
    """Download the files of a definition below `folder`.

    Answers the file of a dataset of one file, else the folder. AzureError 404 when nothing is
    there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    entries = sources(dataflow)
    single: Path | None = None
    for source in entries:
        container = azure.datastores.container_of(source.store)
        names = [n for n in azure.blobs.list(container, source.fixed) if source.matches(n)]
        if not names:
            raise AzureError(
                404,
                "UserError",
                f"ScriptExecution.StreamAccess.NotFound: no file at '{source.path}' in datastore "
                f"'{source.store}'.",
            )
        whole = source.path.rstrip("/") in names
        base = source.fixed.rpartition("/")[0] if whole else source.fixed.rstrip("/")
        for name in names:
            inner = name.removeprefix(base).lstrip("/")
            target = folder / (inner if len(entries) == 1 else f"{source.store}/{name}")
            azure.blobs.download(container, name, target)
            single = target if whole and len(entries) == 1 else None
    return single or folder
