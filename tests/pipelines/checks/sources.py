"""What a step's command reads from its environment and what variables it sets, by its source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from amlkit.ci.outcome import OUTPUTS
from amlkit.settings import ENVIRONMENT_VARIABLES

import amlkit

LIBRARY = Path(amlkit.__file__).parents[1]
SHELL = re.compile(r"\$\{?([A-Z][A-Z0-9_]*)")
ASSIGNED = re.compile(r"^\s*([A-Z][A-Z0-9_]*)=", re.MULTILINE)
MODULE = re.compile(r"python -m ([\w.]+)")
DRIVER = re.compile(r"src/(data|environment|model|deploy)\.py")
FEDERATED = "--set azure.auth=workload-identity"
SET = re.compile(r"##vso\[task\.setvariable variable=([\w.]+)([^\]]*)\]")


class Sources:
    """Reads the Python files of a rendered repository, and of amlkit."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tree = cache(self._tree)

    def reads(self, script: str) -> set[str]:
        """Environment variables that a command needs: its own, and those of the code it runs."""
        found = set(SHELL.findall(script)) - set(ASSIGNED.findall(script))
        for module in MODULE.findall(script):
            found |= self._read_by(module, set())
        if on_azure(script):
            found |= self.settings()
        if FEDERATED in script:  # the task says who it is; the token asks for federated ones
            found = found - {"TENANT_ID", "SPN_ID", "SPN_PASSWORD"} | {"SYSTEM_ACCESSTOKEN"}
        return found

    def settings(self) -> set[str]:
        """The variables that the drivers' settings come from."""
        return set(ENVIRONMENT_VARIABLES)

    def sets(self, script: str, output: bool) -> set[str]:
        """Variables that a command sets: outputs, or those of its job."""
        found = {
            name
            for name, properties in SET.findall(script)
            if ("isoutput=true" in properties.lower()) == output
        }
        if not output:
            return found
        for driver in DRIVER.findall(script):
            found |= set(OUTPUTS[driver])
        for module in MODULE.findall(script):
            found |= set(self._set_by(module))
        return found

    def _tree(self, module: str) -> ast.Module:
        file = Path(*module.split(".")).with_suffix(".py")
        for path in (self.root / "src" / file, LIBRARY / file):
            if path.is_file():
                return ast.parse(path.read_text(encoding="utf-8"))
        return ast.Module([], [])

    def _read_by(self, module: str, seen: set[str]) -> set[str]:
        """Names read as `environ["X"]` or `environ.get("X")`, by a module and its neighbours."""
        if module in seen:
            return set()
        seen.add(module)
        found: set[str] = set()
        package = module.rpartition(".")[0]
        for node in ast.walk(self.tree(module)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(package):
                near = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
                for other in near if package else ():
                    found |= self._read_by(other, seen)
            argument: ast.expr | None = None
            if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("environ"):
                argument = node.slice
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("environ.get"):
                argument = node.args[0]
            if isinstance(argument, ast.Constant):
                found.add(str(argument.value))
        return found

    def _set_by(self, module: str) -> Iterator[str]:
        """Names given to `set_output`; a loop's variable means each of the loop's constants."""
        tree = self.tree(module)
        constants = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        loops = {
            node.target.id: constants.get(node.iter.id)
            for node in ast.walk(tree)
            if isinstance(node, ast.For)
            and isinstance(node.target, ast.Name)
            and isinstance(node.iter, ast.Name)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            if not ast.unparse(node.func).endswith("set_output"):
                continue
            name = node.args[0]
            if isinstance(name, ast.Constant):
                yield str(name.value)
            elif isinstance(name, ast.Name) and loops.get(name.id) is not None:
                yield from ast.literal_eval(loops[name.id])  # type: ignore[arg-type]


def on_azure(script: str) -> bool:
    """Whether a command runs a driver on Azure ML."""
    words = script.split()
    return any(map(DRIVER.fullmatch, words)) and "--local" not in words
