"""What the other tests stand on: the real az, the same by forks, and the double of `ml`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from standin import StandIn
from tests.az.ml_extension import build_wheel, place
from tests.az.program import Program


@dataclass(frozen=True)
class Az:
    """One way to call az, logged in at the stand-in."""

    program: Program
    standin: StandIn
    env: dict[str, str]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A call under way."""
        return subprocess.Popen(
            ["az", *arguments, "--only-show-errors", "-o", "json"],
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    @property
    def workspace(self) -> tuple[str, ...]:
        """The flags that name the stand-in's workspace for `az ml compute`."""
        account = self.standin.account
        return "-g", account.resource_group, "-w", account.workspace_name


@pytest.fixture(scope="module", params=["real", "forked"])
def az(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Az]:
    """az as a program, and az as a fork."""
    folder = tmp_path_factory.mktemp("az")
    place(folder / "azure")
    with StandIn(folder / "standin") as standin:
        env = {
            **standin.env,
            "AZURE_CONFIG_DIR": str(folder / "azure"),
            "AZURE_CORE_COLLECT_TELEMETRY": "0",
            "AZURE_EXTENSION_USE_DYNAMIC_INSTALL": "no",
        }
        env.pop("PYTHONUNBUFFERED", None)  # most users have it not, and so az buffers
        with Program(folder / "bin", env, forked=request.param == "forked") as program:
            made = Az(program, standin, {**env, "PATH": program.path})
            account = standin.account
            words = ["login", "--service-principal", "--tenant", account.tenant_id]
            code, _, err = made.run(*words, "-u", account.client_id, "-p", account.client_secret)
            assert code == 0, err
            yield made


def test_az_answers_as_itself(az: Az) -> None:
    """The version is the one that the lock names, and the subscription the stand-in's."""
    code, out, _ = az.run("version")
    assert (code, json.loads(out)["azure-cli"]) == (0, "2.91.0")
    code, out, _ = az.run("account", "show")
    assert (code, json.loads(out)["id"]) == (0, az.standin.account.subscription_id)


def test_every_call_is_noted(az: Az) -> None:
    """The arguments as they were given, odd ones too."""
    az.run("rest", "--body", "a b\n'\"ü")
    last = az.program.calls()[-1]
    assert last == ["rest", "--body", "a b\n'\"ü", "--only-show-errors", "-o", "json"]


def test_exit_codes_are_az_own(az: Az) -> None:
    """2 for wrong usage; stderr goes where it belongs."""
    code, out, err = az.run("group", "show")
    assert (code, out) == (2, "") and "--name" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_signal_ends_the_call(az: Az, number: signal.Signals) -> None:
    """Ctrl-C and a kill end az in the middle of a request, not the caller's view of it only."""
    mark = az.standin.journal.mark()
    az.standin.fault(path="/resourcegroups/", method="GET", delay=3, status=503, count=9)
    process = az.start("group", "show", "-n", az.standin.account.resource_group)
    ends = time.monotonic() + 30
    while not az.standin.journal.since(mark) and time.monotonic() < ends:
        time.sleep(0.02)
    process.send_signal(number)
    process.communicate(timeout=30)
    time.sleep(3.5)  # a process that lived on would ask again after its 503
    az.standin.clear_faults()
    assert process.returncode != 0
    asked = az.standin.journal.find(path_regex="/resourcegroups/", since=mark)
    assert len(asked) == 1


def test_az_sees_the_extension(az: Az) -> None:
    """As if `az extension add` had put it there."""
    code, out, _ = az.run("extension", "show", "-n", "ml")
    assert code == 0 and json.loads(out)["version"].endswith("+double")


def test_the_double_shows_what_there_is(az: Az) -> None:
    """The workspace by its own -n and the cluster below it; 3 for what is not there."""
    account = az.standin.account
    code, out, _ = az.run(
        "ml", "workspace", "show", "-n", account.workspace_name, "-g", account.resource_group
    )
    assert (code, json.loads(out)["name"]) == (0, account.workspace_name)
    code, out, _ = az.run("ml", "compute", "show", "-n", "cpu-cluster", *az.workspace)
    assert (code, json.loads(out)["type"]) == (0, "amlcompute")
    for kind, flags in (("workspace", az.workspace[:2]), ("compute", az.workspace)):
        code, out, err = az.run("ml", kind, "show", "-n", "nowhere", *flags)
        assert (code, out) == (3, "") and "NotFound)" in err


def test_the_double_makes_a_cluster(az: Az) -> None:
    """With the flags of the real extension; the stand-in has what was asked for."""
    made = ["ml", "compute", "create", "-n", "made-by-az", *az.workspace, "-t", "AmlCompute"]
    size = ["--size", "STANDARD_DS3_V2", "--min-instances", "0", "--max-instances", "3"]
    code, _, err = az.run(*made, *size, "--idle-time-before-scale-down", "300", "--no-wait")
    assert code == 0, err
    code, out, _ = az.run("ml", "compute", "show", "-n", "made-by-az", *az.workspace)
    shown = json.loads(out)
    assert (code, shown["min_instances"], shown["max_instances"]) == (0, 0, 3)
    assert shown["idle_time_before_scale_down"] == 300


def test_the_double_knows_no_w_for_the_workspace(az: Az) -> None:
    """Nor has the real one: a bootstrap that used it would fail at a user's."""
    code, _, err = az.run("ml", "workspace", "show", "-n", "x", "-g", "y", "-w", "x")
    assert code == 2 and "unrecognized arguments: -w" in err


def test_the_wheel_installs(tmp_path: Path) -> None:
    """What the extension index would offer is a wheel that az takes."""
    env = {**os.environ, "AZURE_CONFIG_DIR": str(tmp_path / "azure")}
    with Program(tmp_path / "bin", env, forked=False) as program:

        def az(*arguments: str) -> str:
            words = ["az", "extension", *arguments, "-o", "json"]
            env["PATH"] = program.path
            return subprocess.run(
                words, env=env, check=True, stdout=subprocess.PIPE
            ).stdout.decode()

        az("add", "--source", str(build_wheel(tmp_path)), "-y")
        assert [one["name"] for one in json.loads(az("list"))] == ["ml"]
