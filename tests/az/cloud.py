"""A user's machine, a rendered repository on it, and an Azure with nothing in it."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import venv
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from standin import StandIn
from tests.az.ml_extension import place
from tests.az.program import Program


@dataclass(frozen=True)
class Done:
    """How a run of `infra/bootstrap.py` ended."""

    code: int
    out: str
    err: str

    @property
    def record(self) -> dict[str, Any]:
        """What `--json` printed: exactly one object."""
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value

    def __str__(self) -> str:
        return f"exit {self.code}\n--- stdout\n{self.out[-2000:]}\n--- stderr\n{self.err[-2000:]}"


@dataclass
class Machine:
    """What a user has before the first `apply`: a home, az, and a Python with PyYAML alone.

    Its folders are kept apart so that a test can look at all that was written.
    """

    folder: Path
    forked: bool = True
    home: Path = field(init=False)
    scratch: Path = field(init=False)
    python: Path = field(init=False)
    program: Program = field(init=False)

    def __post_init__(self) -> None:
        self.home = self.folder / "home"
        self.scratch = self.folder / "tmp"

    def __enter__(self) -> Machine:
        self.home.mkdir(parents=True)
        self.scratch.mkdir()
        self.python = _python_with_yaml(self.folder / "python")
        place(self.home / ".azure")
        self.program = Program(self.folder / "bin", self.environment(), forked=self.forked)
        self.program.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.program.__exit__(kind, error, trace)

    def environment(self) -> dict[str, str]:
        """A user's variables: nothing of Azure, nothing of whoever runs the tests."""
        kept = {name: os.environ[name] for name in ("LANG", "PATH") if name in os.environ}
        return {
            **kept,
            "HOME": str(self.home),
            "TMPDIR": str(self.scratch),
            "AZURE_CORE_COLLECT_TELEMETRY": "0",
        }

    def forget(self) -> None:
        """Log out and take away what runs left behind; the extension stays, or comes back."""
        for path in (self.home / ".azure").iterdir():
            if path.name != "cliextensions":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in self.scratch.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if not (self.home / ".azure" / "cliextensions").exists():
            place(self.home / ".azure")


@dataclass
class Cloud:
    """A rendered repository and an empty subscription, with az logged in as its owner."""

    machine: Machine
    standin: StandIn
    project: Path

    @classmethod
    def begin(cls, machine: Machine, standin: StandIn, rendered: Path, folder: Path) -> Cloud:
        """A copy of `rendered` in `folder`, and the login of whoever owns the subscription."""
        project = folder / rendered.name
        shutil.copytree(rendered, project)
        cloud = cls(machine, standin, project)
        standin.world.add_project("contoso", "churn")
        account = standin.account
        cloud.login(account.administrator.client_id, account.administrator_secret)
        return cloud

    def environment(self, **more: str) -> dict[str, str]:
        """The variables of a process of the user."""
        return {
            **self.machine.environment(),
            **self.standin.azure.client_environment(),
            "PATH": self.machine.program.path,
            "SUBSCRIPTION_ID": self.standin.account.subscription_id,
            **more,
        }

    def login(self, client: str, secret: str) -> None:
        """`az login` as a service principal, which needs no browser; the secret by stdin."""
        words = ["login", "--service-principal", "--tenant", self.standin.account.tenant_id]
        self.az(*words, "-u", client, "--password=@-", given=secret)  # it may begin with a dash

    def az(self, *arguments: str, given: str = "") -> Any:
        """What a call of az answers; it must succeed."""
        done = subprocess.run(
            ["az", *arguments, "-o", "json", "--only-show-errors"],
            env=self.environment(),
            input=given,
            capture_output=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        """`infra/bootstrap.py` under way, in a process group of its own."""
        return subprocess.Popen(
            [str(self.machine.python), "infra/bootstrap.py", *arguments],
            cwd=self.project,
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,
        )

    def bootstrap(self, *arguments: str, **more: str) -> Done:
        """`infra/bootstrap.py` to its end; `more` are environment variables."""
        process = self.start(*arguments, **more)
        out, err = process.communicate(timeout=600)
        return Done(process.returncode, out, err)

    def apply(self, *arguments: str, **more: str) -> Done:
        """`apply --yes --json`, which must succeed."""
        done = self.bootstrap("apply", "--yes", "--json", *arguments, **more)
        assert done.code == 0, str(done)
        return done

    def follow(self, request: str) -> None:
        """Does what the request to an administrator asks for, word for word."""
        ids: dict[str, str] = {}
        for line in request.partition("```sh\n")[2].partition("```")[0].splitlines():
            for placeholder, value in ids.items():
                line = line.replace(placeholder, value)
            ran = subprocess.run(
                ["sh", "-c", line],
                env=self.environment(AZURE_CORE_OUTPUT="json"),
                capture_output=True,
                encoding="utf-8",
                check=False,
            )
            assert ran.returncode == 0, f"{line}\n{ran.stderr}"
            if line.startswith("az ad sp create") or "/applications(" in line:
                answer = json.loads(ran.stdout)
                ids |= {"<client id>": answer["appId"], "<principal id>": answer["id"]}

    def configure(self, **settings: str) -> None:
        """Change `azure.bootstrap` in config.yml: `configure(workspace="skip")`."""
        file = self.project / "config.yml"
        text = file.read_text(encoding="utf-8")
        for name, value in settings.items():
            text, times = re.subn(rf"^(    {name}:) \S+", rf"\1 {value}", text, flags=re.M)
            assert times == 1, f"{name} stands {times} times in config.yml"
        file.write_text(text, encoding="utf-8")

    def configured(self, name: str) -> str:
        """What config.yml says of a key of `azure`."""
        text = (self.project / "config.yml").read_text(encoding="utf-8")
        [value] = re.findall(rf"^  {name}: \"?([^\"\s]*)", text, flags=re.M)
        return str(value)

    def inventory(self) -> Counter[str]:
        """How many there are of each kind of thing in Azure, without names that chance made."""
        world, account = self.standin.world, self.standin.account
        found = Counter(f"{one.type}" for one in world.resources.values())
        found["resource group"] = len(world.groups)
        found["application"] = len(world.applications)
        found["service principal"] = len(world.principals)
        found["variable group"] = len(world.variable_groups)
        mine = {one.body["id"] for one in world.principals}
        for one in world.role_assignments:
            if one.principal_id in mine:
                found[f"{one.role} on {one.scope.split('/')[-2]}"] += 1
        for application in world.applications.values():
            found["secret"] += len(account.credentials.get(application.body["appId"], {}))
        return +found


def _python_with_yaml(folder: Path) -> Path:
    """An interpreter that has PyYAML and nothing else: all that a bootstrap may need."""
    venv.create(folder, symlinks=True)
    found = importlib.util.find_spec("yaml")
    assert found is not None and found.origin is not None
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = folder / "lib" / version / "site-packages"
    shutil.copytree(Path(found.origin).parent, packages / "yaml")
    return folder / "bin" / "python"
