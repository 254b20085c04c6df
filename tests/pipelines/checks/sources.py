"""What a step's command reads from its environment and what variables it sets, by its source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SHELL = re.compile(r"\$\{?([A-Z][A-Z0-9_]*)")
ASSIGNED = re.compile(r"^\s*([A-Z][A-Z0-9_]*)=", re.MULTILINE)
MODULE = re.compile(r"python -m ([\w.]+)")
DRIVER = re.compile(r"src/(data|environment|model|deploy)\.py")
SET = re.compile(r"##vso\[task\.setvariable variable=([\w.]+)([^\]]*)\]")
STEP = re.compile(r"--(variable|output) ([\w.]+)=")


class Sources:
    """Reads the Python files of a rendered repository."""

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
        return found

    def settings(self) -> set[str]:
        """The variables that the drivers' settings come from."""
        for node in ast.walk(self.tree("aml.settings")):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
                if names == ["ENVIRONMENT_VARIABLES"]:
                    return {ast.literal_eval(key) for key in node.value.keys if key}
        raise LookupError("aml.settings has no ENVIRONMENT_VARIABLES")

    def sets(self, script: str, output: bool) -> set[str]:
        """Variables that a command sets: outputs, or those of its job."""
        found = {
            name
            for name, properties in SET.findall(script)
            if ("isoutput=true" in properties.lower()) == output
        }
        found |= {name for kind, name in STEP.findall(script) if (kind == "output") == output}
        for module in MODULE.findall(script):
            found |= set(self._set_by(module, output))
        return found

    def _tree(self, module: str) -> ast.Module:
        path = self.root / "src" / Path(*module.split(".")).with_suffix(".py")
        return ast.parse(path.read_text(encoding="utf-8")) if path.is_file() else ast.Module([], [])

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

    def _set_by(self, module: str, output: bool) -> Iterator[str]:
        """Names given to `set_variable`; a loop's variable stands for the loop's constants."""
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
            if not ast.unparse(node.func).endswith("set_variable"):
                continue
            is_output = any(keyword.arg == "output" for keyword in node.keywords)
            name = node.args[0]
            if is_output != output:
                continue
            if isinstance(name, ast.Constant):
                yield str(name.value)
            elif isinstance(name, ast.Name) and loops.get(name.id) is not None:
                yield from ast.literal_eval(loops[name.id])  # type: ignore[arg-type]


def on_azure(script: str) -> bool:
    """Whether a command runs a driver on Azure ML."""
    words = script.split()
    return any(map(DRIVER.fullmatch, words)) and "--local" not in words
