"""The inputs and outputs of a job of SDK v2, and the expressions that name them.

Source: "How to read and write data in a job" and the core YAML syntax: `${{inputs.x}}`,
`${{outputs.x}}`, `$[[ ... ]]` around what is left out with an optional input that is not given.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..job_inputs import Inputs
from ..routing import AzureError, Json
from .locations import Location, datastore_uri, locate

if TYPE_CHECKING:
    from ..standin import Azure

_NAMED = r"(inputs|outputs|search_space)\.([A-Za-z0-9_]+)(?:\.path)?"
EXPRESSION = re.compile(r"\$\{\{\s*" + _NAMED + r"\s*\}\}")
OPTIONAL = re.compile(r"\$\[\[(.*?)\]\]", re.DOTALL)
MODELS = ("custom_model", "mlflow_model", "triton_model")
DIRECT = ("Direct",)
#: Modes of inputs that are played alike: the data is there to be read.
READ = ("ReadOnlyMount", "Download", "Direct", None)
#: Modes of an mltable alone: the job gets the files that its MLTable names.
EVALUATED = ("EvalMount", "EvalDownload")


@dataclass
class Output:
    """One output of a job: what it is, where it goes, where the job writes it."""

    name: str
    kind: str
    uri: str
    path: Path
    asset: str = ""
    version: str = ""


@dataclass
class Bound(Inputs):
    """The inputs and outputs of one job, put into its command."""

    outputs: dict[str, str] = field(default_factory=dict)
    space: dict[str, str] = field(default_factory=dict)

    def resolve(self, text: str) -> str:
        """A command with the values of what it names."""
        # A sweep's step names what it searches as an input of its component.
        known = {
            "inputs": self.values | self.space,
            "outputs": self.outputs,
            "search_space": self.space,
        }

        def section(found: re.Match[str]) -> str:
            named = EXPRESSION.findall(found[1])
            return found[1] if all(name in known[kind] for kind, name in named) else ""

        def value(found: re.Match[str]) -> str:
            return known[found[1]][found[2]]

        return EXPRESSION.sub(value, OPTIONAL.sub(section, text))


def check_expressions(command: str, inputs: Json, outputs: Json, space: Json | None = None) -> None:
    """AzureError 400 where a command names what is not there."""
    space = space or {}
    known = {"inputs": {**inputs, **space}, "outputs": outputs, "search_space": space}
    bare = OPTIONAL.sub("", command)
    wrong = [f"{kind}.{name}" for kind, name in EXPRESSION.findall(bare) if name not in known[kind]]
    if wrong:
        text = ", ".join(wrong)
        raise AzureError(400, "UserError", f"Invalid data binding expression: {text}")


def input_location(azure: Azure, given: Json) -> Location:
    """Where the bytes of an input lie. AzureError when it names what is not there."""
    uri, kind = str(given.get("uri") or ""), str(given.get("jobInputType"))
    return locate(azure, asset_uri(azure, uri, kind))


def asset_uri(azure: Azure, uri: str, kind: str) -> str:
    """The URI of the bytes behind what may be the name or ARM id of an asset."""
    plural = "models" if kind in MODELS else "data"
    named = re.search(r"/(data|models)/[^/]+/(versions|labels)/[^/]+/?$", uri, re.IGNORECASE)
    if named is not None:
        plural = named[1].lower()
    elif not re.fullmatch(r"azureml:[^/:@]+[:@][^/:@]+", uri):
        return uri
    _, entry = azure.v2.assets.find(uri, plural)
    return str(entry.properties["modelUri" if plural == "models" else "dataUri"])


def check_input(azure: Azure, name: str, given: Json) -> None:
    """AzureError for an input that cannot be had."""
    if given.get("jobInputType") == "literal":
        return
    kind = given.get("jobInputType")
    if given.get("mode") in EVALUATED and kind != "mltable":
        text = f"Input {name}: mode {given['mode']} is not one of {kind}."
        raise AzureError(400, "UserError", text)
    if given.get("mode") not in READ:
        raise AzureError(
            501, "StandInUnhandled", f"Input {name}: mode {given['mode']} of inputs is not played"
        )
    input_location(azure, given)


def deliver(azure: Azure, inputs: Json, outputs: list[Output], folder: Path) -> Bound:
    """Put all inputs below `folder` and make place for the outputs."""
    bound = Bound()
    for name, given in inputs.items():
        if given.get("jobInputType") == "literal":
            bound.values[name] = str(given.get("value"))
            continue
        if given.get("mode") in DIRECT:
            value = str(given["uri"])
        else:
            value = str(input_location(azure, given).download(folder / "data" / f"INPUT_{name}"))
        bound.values[name] = value
        bound.environment[f"AZURE_ML_INPUT_{name}"] = value
    for one in outputs:
        (one.path.parent if one.kind == "uri_file" else one.path).mkdir(parents=True, exist_ok=True)
        bound.outputs[one.name] = str(one.path)
        bound.environment[f"AZURE_ML_OUTPUT_{one.name}"] = str(one.path)
    return bound


def plan_outputs(azure: Azure, job: str, outputs: Json, folder: Path) -> list[Output]:
    """Where the named outputs of a job go: what is not said lies in the default datastore."""
    made = []
    for name, given in outputs.items():
        kind = str(given.get("jobOutputType") or "uri_folder")
        uri = str(given.get("uri") or "")
        if not uri:
            uri = f"azureml://datastores/workspaceblobstore/paths/azureml/{job}/{name}/"
        for expression, value in (
            ("name", job),
            ("output_name", name),
            ("default_datastore", "workspaceblobstore"),
        ):
            uri = re.sub(r"\$\{\{\s*" + expression + r"\s*\}\}", value, uri)
        locate(azure, uri)  # a datastore that is not there is refused now
        asset, version = str(given.get("assetName") or ""), str(given.get("assetVersion") or "")
        path = folder / "data" / f"OUTPUT_{name}"
        made.append(Output(name, kind, uri, path, asset, version))
    return made


def send(azure: Azure, output: Output, log: Callable[[str], None]) -> None:
    """Upload what a job wrote to one of its outputs."""
    at = locate(azure, output.uri)
    stem = at.path.strip("/")
    if output.path.is_file():
        at.blobs.put(at.container, stem, output.path.read_bytes())
        return
    files = [one for one in sorted(output.path.rglob("*")) if one.is_file()]
    if not files:
        log(f"stand-in: nothing was written to output {output.name}")
    for one in files:
        name = f"{stem}/{one.relative_to(output.path).as_posix()}".lstrip("/")
        at.blobs.put(at.container, name, one.read_bytes())


def register(azure: Azure, job: str, output: Output) -> str:
    """Make an asset of an output; its id in the form of run history."""
    from .kinds import KINDS

    plural = "models" if output.kind in MODELS else "data"
    name = output.asset or f"azureml_{job}_output_data_{output.name}"
    assets, kind = azure.v2.assets, KINDS[plural]
    version = output.version
    if not version:
        known = assets.containers(kind).get(name)
        version = kind.next(assets.latest(known), len(known.versions)) if known else "1"
    found = re.match(r"azureml:/+datastores/([^/]+)/paths/(.*)", output.uri)
    uri = datastore_uri(azure, found[1], found[2]) if found else output.uri
    given: Json = {"isAnonymous": not output.asset}
    if plural == "models":
        given |= {"modelUri": uri, "modelType": output.kind, "jobName": job}
    else:
        given |= {"dataUri": uri, "dataType": output.kind}
    entry, _ = assets.put(kind, name, version, given, azure.runs.get(job).creator)
    azure.v2.shared.give_out(plural, name, entry)
    account = azure.account
    where = f"azureml://locations/{account.location}/workspaces/{account.workspace_id}"
    return f"{where}/{plural}/{name}/versions/{version}"
