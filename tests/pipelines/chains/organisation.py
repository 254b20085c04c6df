"""A rendered repository in an Azure DevOps project of its own, whose cloud is the stand-in."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from standin import StandIn
from tests.azure.test_deploy import ask
from tests.pipelines.chains.advisories import Advisories
from tests.pipelines.runner.checkout import git
from tests.pipelines.runner.results import Run
from tests.pipelines.runner.service import Service
from tests.pipelines.runner.variables import Secret, leaks
from tests.pipelines.runner.watching import Watch

# Where packages come from: reached as on a hosted machine, everything else is the stand-in's.
INDEXES = ("pypi.org", "files.pythonhosted.org", "127.0.0.1", "localhost")
# In front of PATH, where the first `python` of the rest is the one that a job chose.
FORKED = """#!/bin/sh
PATH="${{PATH#{path}:}}"
case "$(command -v python)" in
  */.venv-azure/bin/python) exec {fork} "$@" ;;
  *) exec python "$@" ;;
esac
"""
AUTHOR = ("-c", "user.name=A developer", "-c", "user.email=dev@example.com")
# Requests that ask by POST.
ASKED = r"/oauth2/v2\.0/token$|:query$|/query$|/list$|/listkeys$|/validate$|/full$|/batch/read$"


@dataclass
class Organisation:
    """What a team has: the repository, the project that runs its pipelines, and Azure."""

    path: Path
    service: Service
    advisories: Advisories
    standin: StandIn
    python: str  # an interpreter with the SDK, for whoever looks from a desk
    keys: dict[str, str] = field(default_factory=dict)  # by address, once asked for

    @property
    def package(self) -> str:
        """The folder of the user's package, from the root."""
        return str(next(self.path.glob("src/*/train.py")).parent.relative_to(self.path))

    @property
    def slug(self) -> str:
        """The repository's name."""
        return self.path.name

    def fork_drivers(self, folder: Path) -> None:
        """`python` of a job's `.venv-azure` is a fork that has the SDK imported, as at a desk.

        It spares each driver two seconds. The processes of a fork hide their variables, in which
        secrets may stand: at least one run goes without, the first of test_pushes.py.
        """
        python = folder / "python"
        python.write_text(FORKED.format(path=folder, fork=self.python), encoding="utf-8")
        python.chmod(0o755)
        self.service.before.append(str(folder))

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text that stands in a file once."""
        path = self.path / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{name}: {text.count(old)} times {old!r}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def begin_training_with(self, *lines: str) -> None:
        """Put statements at the beginning of the sample's training, after its docstring."""
        path = self.path / self.package / "train.py"
        text = path.read_text(encoding="utf-8")
        [train] = [
            node
            for node in ast.parse(text).body
            if isinstance(node, ast.FunctionDef) and node.name == "train"
        ]
        whole = text.splitlines(keepends=True)
        first = train.body[1].lineno - 1
        whole[first:first] = [f"    {line}".rstrip() + "\n" for line in lines]
        path.write_text("".join(whole), encoding="utf-8")

    def use_own_agent(self) -> None:
        """All pipelines run on an agent of the team: it keeps its folder, and has no tool cache."""
        for path in (*self.path.glob("pipelines/*.yml"), self.path / "azure-pipelines.yml"):
            if "\ntrigger:" in path.read_text(encoding="utf-8"):
                name = str(path.relative_to(self.path))
                self.edit(name, "pool: {vmImage: ubuntu-24.04}", "pool: {name: own-pool}")

    def keep_tests(self, *names: str) -> None:
        """CI runs these tests alone: `keep_tests("train")`."""
        for path in self.path.glob("tests/test_*.py"):
            if path.stem.removeprefix("test_") not in names:
                path.unlink()

    def keep_few_tests(self) -> None:
        """CI runs the tests of metrics and columns alone, which no training is run for."""
        self.keep_tests("train")
        chosen = "-k 'expected or every_column'"
        self.edit("pyproject.toml", '"-ra --strict-markers', f'"{chosen} -ra --strict-markers')

    def push(self, message: str = "a change") -> str:
        """Commit what there is, and name the commit."""
        git(self.path, "add", "--all")
        git(self.path, *AUTHOR, "commit", "--quiet", "--allow-empty", "-m", message)
        return git(self.path, "rev-parse", "HEAD")

    def undo(self) -> None:
        """Revert the newest commit."""
        git(self.path, *AUTHOR, "revert", "--no-edit", "HEAD")

    def run(self, file: str = "azure-pipelines.yml", **how: Any) -> Run:
        """Run a pipeline; no secret may stand in what it printed or kept, nor be an argument."""
        secrets = {self.standin.account.client_secret, self.service.access_token}
        with Watch(secrets) as watch:
            run = self.service.start(file, **how)
        assert not watch.found, watch.found
        kept = [path for path in run.folder.rglob("*") if path.is_file()]
        texts = [("the log", run.log.encode()), ("a summary", "".join(run.summaries).encode())]
        texts += [(path.name, path.read_bytes()) for path in kept]
        assert leaks(texts, secrets) == []
        assert run.leaks == []
        return run

    def times(self) -> str:
        """How long each run took, and whether the packages came from the cache."""
        lines = []
        for run in self.service.runs:
            warm = "warm" if any(": true, from " in step.log for step in run.steps) else "cold"
            how = f"{run.reason:13} {warm} {run.seconds:5.0f} s {len(run.agent_jobs)} jobs"
            lines.append(f"{run.pipeline:26} {how} {run.result}")
        return "\n".join(lines)

    def all_met(self, kind: str, but: str = "nothing", off: str = "") -> None:
        """All of a kind that the pipelines `but` one hold was evaluated or executed by some run.

        `off` is how the line of a step begins that this team's machines leave out.
        """
        coverage = self.service.coverage
        present = [site for site in coverage.present[kind] if site[0].file != but]
        missed = [place for place in coverage.missed(kind) if not place.startswith(f"{but}:")]
        missed = [place for place in missed if not (off and self._lines(place)[-1].startswith(off))]
        federated = [place for place in missed if self._federated(place)]
        met = f"{len(present) - len(missed)} of {len(present)}"
        print(f"\n{kind}: {met}, {len(federated)} of the others with a service connection")
        assert missed == federated, missed

    def _federated(self, place: str) -> bool:
        """Whether `file:line …` is in the part of a pipeline that federation takes."""
        branches = [one for one in self._lines(place) if one.strip().startswith("- ${{")]
        return bool(branches) and "${{ else }}" in branches[-1]

    def _lines(self, place: str) -> list[str]:
        """The lines of a file down to `file:line …`."""
        name, line = place.split(" ")[0].split(":")
        return (self.path / name).read_text(encoding="utf-8").splitlines()[: int(line)]

    def serving(self, *flags: str) -> tuple[str, Any]:
        """The version that an endpoint serves, and what it answers for the sample's request."""
        status = self._desk("--status", *flags)
        address = status["endpoint"]["uri"]
        if address not in self.keys:
            self.keys[address] = self._desk("--show-key", *flags)["key"]
        rows = json.loads((self.path / "data" / "request.json").read_text(encoding="utf-8"))
        code, answer = ask(self.standin, address, rows, self.keys[address])
        assert code == 200, answer
        assert answer["model"]["version"] == status["model"]["version"]
        return status["model"]["version"], answer["predictions"]

    def _desk(self, *flags: str) -> dict[str, Any]:
        done = subprocess.run(
            [self.python, "src/deploy.py", "--json", *flags],
            cwd=self.path,
            env=self.standin.caller,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def changes(self, mark: int) -> list[str]:
        """Requests since a mark that changed something in Azure."""
        return [
            f"{entry.method} {entry.host}{entry.path}"
            for entry in self.standin.journal.since(mark)
            if entry.method in ("PUT", "POST", "PATCH", "DELETE")
            and not re.search(ASKED, entry.path, re.IGNORECASE)
        ]


def machine(standin: StandIn, folder: Path, bytecode: Path) -> dict[str, str]:
    """The environment of a hosted machine: this one's, with Azure on loopback.

    What it trusts is the stand-in's authority beside the usual ones, for the package index. All
    machines of a session share their bytecode: what is installed anew need not be compiled anew.
    """
    usual = os.environ.get("SSL_CERT_FILE") or "/etc/ssl/certs/ca-certificates.crt"
    bundle = folder / "trusted.pem"
    own = Path(standin.env["SSL_CERT_FILE"]).read_bytes()
    bundle.write_bytes(own + (Path(usual).read_bytes() if Path(usual).exists() else b""))
    overlay = dict(standin.env)
    for name in [name for name in overlay if name.startswith(("VIRTUAL_ENV", "PYTEST", "GIT_"))]:
        del overlay[name]
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "PIP_CERT"):
        overlay[name] = str(bundle)
    overlay.pop("SSL_CERT_DIR", None)
    path = os.pathsep.join(
        part for part in overlay["PATH"].split(os.pathsep) if ".venv" not in part
    )
    overlay["PYTHONPYCACHEPREFIX"] = str(bytecode)
    return overlay | {"NO_PROXY": ",".join(INDEXES), "no_proxy": ",".join(INDEXES), "PATH": path}


def groups(slug: str, standin: StandIn) -> dict[str, dict[str, str]]:
    """The variable groups, as bootstrap fills them."""
    account = standin.account
    group = {
        "TenantID": account.tenant_id,
        "SpnID": account.client_id,
        "SpnPassword": Secret(account.client_secret),
        "AmlWorkspaceName": account.workspace_name,
        "ResourceGroup": account.resource_group,
        "SubscriptionID": account.subscription_id,
    }
    return {slug: dict(group), f"{slug}-prod": dict(group)}


def share_bytecode(bytecode: Path, agents: Path) -> None:
    """Agents' environments of one name share a folder of bytecode.

    A package of another version is compiled anew: Python compares the size and time of a source.
    An agent beyond the ninth compiles for itself.
    """
    for name in (".venv", ".venv-azure"):
        kept = bytecode / "environments" / name
        kept.mkdir(parents=True, exist_ok=True)
        for agent in ("hosted", *(f"own-{number}" for number in range(1, 10))):
            packages = agents / agent / "work/1/s" / name / "lib/python3.11/site-packages"
            place = bytecode / packages.relative_to("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(kept)


@contextmanager
def organisation(
    rendered: Path, folder: Path, standin: StandIn, python: str, bytecode: Path
) -> Iterator[Organisation]:
    """A fresh rendering, committed, in a project with its variable groups."""
    share_bytecode(bytecode, folder / "service" / "agents")
    advisories = Advisories()
    with advisories as audited:
        service = Service(
            rendered,
            folder / "service",
            machine(standin, folder, bytecode) | audited,
            pythons={"3.11": python311()},
            groups=groups(rendered.name, standin),
            environments={f"{rendered.name}-staging", f"{rendered.name}-prod"},
        )
        team = Organisation(rendered, service, advisories, standin, python)
        if not (rendered / ".git").is_dir():
            git(rendered, "init", "--quiet", "--initial-branch=main")
        team.push("rendered")
        yield team


def python311() -> str:
    """An interpreter of the version that the pipelines ask for."""
    if sys.version_info[:2] == (3, 11):
        return sys.executable
    from uv import find_uv_bin

    found = subprocess.run(
        [find_uv_bin(), "python", "find", "3.11"], check=True, capture_output=True, encoding="utf-8"
    )
    return found.stdout.strip()
