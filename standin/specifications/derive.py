"""Derives `machine_learning.json` from the client that Microsoft generates of its specification.

`python -m standin.specifications.derive SITE_PACKAGES` reads the installed `azure-ai-ml` as text
(MIT; its `_restclient/arm_ml_service` is generated from Azure/azure-rest-api-specs, and
`_metadata.json` beside it names the commit where the package has it). Routes, statuses and types
are taken over in the notation of `notation.py`; no text of theirs is.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

OUT = Path(__file__).with_name("machine_learning.json")
PLACE = "azure/ai/ml/_restclient/arm_ml_service"
#: The groups of operations that a client of the template or of its examples uses.
GROUPS = (
    "Code", "Component", "Data", "Environment", "Model", "BatchEndpoints", "BatchDeployments",
    "Datastores", "OnlineEndpoints", "OnlineDeployments", "Schedules", "Jobs", "Registries",
    "RegistryCode", "RegistryComponent", "RegistryData", "RegistryEnvironment", "RegistryModel",
    "WorkspaceConnections", "Quotas", "VirtualMachineSizes",
)  # fmt: skip
#: Kinds that the stand-in does not play: an answer that names one is no good.
UNPLAYED = (
    "AutoMLJob", "SparkJob", "LabelingJob", "FineTuningJob", "DistillationJob",
    "CreateMonitorAction", "ImportDataAction", "OneLakeDatastore", "HdfsDatastore",
)  # fmt: skip
#: Statuses that recordings show beside those of the specification.
RECORDED = {("PUT", "registries/{registryName}"): {"202": None}}
_PLAIN = {
    "str": "string", "int": "integer", "float": "number", "bool": "boolean", "Any": "any",
    "datetime.datetime": "date-time", "datetime.timedelta": "duration", "JSON": "object",
}  # fmt: skip

Types = dict[str, dict[str, str]]


class Package:
    """The generated models and operations, as text."""

    def __init__(self, site_packages: Path) -> None:
        folder = site_packages / PLACE
        self.models = ast.parse((folder / "models/_models.py").read_text(encoding="utf-8"))
        self.words = _words(ast.parse((folder / "models/_enums.py").read_text(encoding="utf-8")))
        self.classes = {one.name: one for one in self.models.body if isinstance(one, ast.ClassDef)}
        self.operations = (folder / "operations/_operations.py").read_text(encoding="utf-8")
        [info] = site_packages.glob("azure_ai_ml-*.dist-info")
        self.version = info.name.removeprefix("azure_ai_ml-").removesuffix(".dist-info")

    def fields(self, name: str) -> dict[str, str]:
        """The fields of a model in the notation, the base's name under `+`."""
        found: dict[str, str] = {}
        definition = self.classes[name]
        base = getattr(definition.bases[0], "id", "")
        if base in self.classes:
            found["+"] = base
        for line in definition.body:
            if isinstance(line, ast.AnnAssign) and isinstance(line.value, ast.Call):
                found |= self._field(line)
        return found

    def _field(self, line: ast.AnnAssign) -> dict[str, str]:
        call, target = line.value, line.target
        assert isinstance(call, ast.Call) and isinstance(target, ast.Name)
        named = {
            one.arg: ast.literal_eval(one.value)
            for one in call.keywords
            if one.arg in ("name", "visibility")
        }
        if "read" not in named.get("visibility", ["read"]):  # a secret: sent, never answered
            return {}
        name = named.get("name", target.id)
        kind, optional = self.kind(line.annotation)
        if getattr(call.func, "id", "") == "rest_discriminator" and not kind.startswith("="):
            return {"?": name, name: "string!"}
        empty = "?" if kind in ("integer", "number") else ""  # such numbers are null in recordings
        return {name: kind + empty if optional else kind + "!"}

    def kind(self, node: ast.expr) -> tuple[str, bool]:
        """The notation of an annotation, and whether it may be left out."""
        if isinstance(node, ast.Constant):
            return str(node.value).removeprefix("_models."), False
        text = ast.unparse(node)
        if not isinstance(node, ast.Subscript):
            return _PLAIN.get(text, "object"), False
        outer = ast.unparse(node.value)
        if outer == "Optional":
            return self.kind(node.slice)[0], True
        if outer == "Literal":
            owner, _, word = ast.unparse(node.slice).partition(".")
            values = self.words[owner][word] if word else ast.literal_eval(node.slice)
            return f"={values}", False
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if outer == "Union":  # of a string and the enumeration that it is a word of
            return self.kind(inner[-1])[0], False
        last = self.kind(inner[-1])[0]
        return (f"[{last}]" if outer in ("list", "List") else f"{{{last}}}"), False

    def subtypes(self, name: str) -> list[str]:
        """The models whose base is this one."""
        return [
            one
            for one, definition in self.classes.items()
            if definition.bases
            and getattr(definition.bases[0], "id", "") == name
            and one not in UNPLAYED
        ]


def _words(tree: ast.Module) -> dict[str, dict[str, str]]:
    """The words of each enumeration, by the names that the models use."""
    found: dict[str, dict[str, str]] = {}
    for one in tree.body:
        if isinstance(one, ast.ClassDef):
            found[one.name] = {
                line.targets[0].id: str(line.value.value)
                for line in one.body
                if isinstance(line, ast.Assign)
                and isinstance(line.targets[0], ast.Name)
                and isinstance(line.value, ast.Constant)
            }
    return found


def _names(kind: str) -> list[str]:
    """The types that a kind names."""
    return [] if kind.startswith("=") else re.findall(r"[A-Z]\w+", kind)


def reachable(package: Package, roots: set[str]) -> Types:
    """The types that answers hold, with the bases and the kinds of each."""
    types: Types = {}
    waiting = sorted(roots)
    while waiting:
        name = waiting.pop()
        if name in types or name not in package.classes:
            continue
        fields = types[name] = package.fields(name)
        more = [other for kind in fields.values() for other in _names(kind)]
        if "?" in fields:
            more += package.subtypes(name)
        waiting += more + ([fields["+"]] if "+" in fields else [])
    return dict(sorted(types.items()))


def _requests(text: str) -> dict[str, tuple[str, str]]:
    """Method and path of each function that builds a request."""
    found = {}
    for part in re.split(r"^def ", text, flags=re.M)[1:]:
        name = part.partition("(")[0]
        url, method = re.search(r'_url = "(/[^"]*)"', part), re.search(r'method="(\w+)"', part)
        if name.startswith("build_") and url and method:
            found[name] = (method[1], url[1])
    return found


def _methods(text: str) -> Iterator[tuple[str, str]]:
    """Each method of the groups wanted: the group's name, its text."""
    wanted = re.compile(rf"({'|'.join(GROUPS)})(Containers|Versions|)Operations")
    for part in re.split(r"^class ", text, flags=re.M)[1:]:
        group = re.match(r"\w+", part)
        if group and wanted.fullmatch(group[0]):
            for method in re.split(r"^    def ", part, flags=re.M)[1:]:
                yield group[0], method


def _template(path: str) -> str:
    """A path in the form of the answers' rows."""
    prefix = (
        "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}"
        "/providers/Microsoft.MachineLearningServices/workspaces/{workspaceName}"
    )
    path = path.replace(prefix, "{workspace}")
    return path.replace("{resourceGroupName}", "{group}").replace(
        "{subscriptionId}", "{subscription}"
    )


def _returned(text: str) -> str | None:
    """What a method returns: a type, a page of one, or nothing."""
    if paged := re.search(r'-> ItemPaged\["_models\.(\w+)"\]', text):
        return f"{paged[1]}List"
    plain = re.search(r"\) -> (?:_models\.)?(\w+):", text)
    return plain[1] if plain and plain[1] not in ("None", "Iterator") else None


def answers(package: Package) -> list[list[object]]:
    """The rows: method, path, what each status holds, the backing."""
    requests = _requests(package.operations)
    rows: dict[tuple[str, str], dict[str, str | None]] = {}
    returned: dict[tuple[str, str], str | None] = {}
    for group, text in _methods(package.operations):  # what a begun operation ends with
        begun = re.match(r"begin_(\w+)\(", text)
        kind = re.search(r"-> LROPoller\[(?:_models\.)?(\w+)\]", text)
        if begun and kind:
            returned[group, f"_{begun[1]}_initial"] = kind[1] if kind[1] != "None" else None
    for group, text in _methods(package.operations):
        name, built = text.partition("(")[0], re.search(r"_request = (build_\w+)\(", text)
        statuses = re.search(r"status_code not in \[([\d, ]+)\]", text)
        if not built or not statuses or built[1] not in requests:
            continue
        method, path = requests[built[1]]
        body = returned.get((group, name)) or _returned(text)
        row = rows.setdefault((method, _template(path)), {})
        for status in statuses[1].replace(" ", "").split(","):
            row[status] = f"{body}?" if body and status == "202" else body
    for (method, end), more in RECORDED.items():
        [found] = [row for (m, path), row in rows.items() if m == method and path.endswith(end)]
        found |= more
    return [[method, path, row, "specification"] for (method, path), row in sorted(rows.items())]


def derive(package: Package) -> dict[str, object]:
    """The whole file."""
    rows = answers(package)
    roots = {str(k).rstrip("?") for row in rows for k in row[2].values() if k}  # type: ignore[attr-defined]
    pages = {root for root in roots if root.endswith("List") and root not in package.classes}
    types = reachable(package, (roots - pages) | {page.removesuffix("List") for page in pages})
    types |= {
        page: {"value": f"[{page.removesuffix('List')}]!", "nextLink": "string"}
        for page in sorted(pages)
    }
    used = {name for fields in types.values() for kind in fields.values() for name in _names(kind)}
    return {
        "service": "Azure Machine Learning in Resource Manager",
        "host": "arm",
        "sources": {
            "specification": "Azure/azure-rest-api-specs, specification/machinelearningservices/"
            "resource-manager/Microsoft.MachineLearningServices, 2025-12-01 (MIT), as azure-ai-ml "
            f"{package.version} on PyPI states it (MIT); made by derive.py",
        },
        "error": "ErrorResponse",
        "uses": ["machine_learning_recorded"],
        "words": {
            name: list(dict.fromkeys(words.values()))
            for name, words in sorted(package.words.items())
            if name in used
        },
        "types": types,
        "answers": rows,
    }


def written(data: dict[str, object]) -> str:
    """The file's text: a line for each type, each row."""

    def line(value: object) -> str:
        return json.dumps(value, ensure_ascii=False)

    parts = []
    for key, value in data.items():
        if isinstance(value, dict) and key not in ("sources",):
            inner = ",\n".join(f"    {line(name)}: {line(one)}" for name, one in value.items())
            parts.append(f"  {line(key)}: {{\n{inner}\n  }}")
        elif key == "answers":
            assert isinstance(value, list)
            inner = ",\n".join(f"    {line(one)}" for one in value)
            parts.append(f"  {line(key)}: [\n{inner}\n  ]")
        else:
            parts.append(f"  {line(key)}: {line(value)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main() -> None:
    """Write the file anew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site_packages", type=Path, help="where azure-ai-ml is installed")
    package = Package(parser.parse_args().site_packages)
    OUT.write_text(written(derive(package)), encoding="utf-8")


if __name__ == "__main__":
    main()
