"""How `az` is started and its answer read, with a double of it: a script that tells what it got."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from amlkit.provision.cloud.az import Az
from amlkit.provision.cloud.client import Client, Command, rest
from amlkit.provision.cloud.failures import Failure, Kind

Double = Callable[..., Az]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the double of az is a script with #!")


@pytest.fixture
def double(tmp_path: Path) -> Double:
    """A PATH with an `az` that runs this code of Python; `count` is how often it ran."""

    def make(code: str, subscription: str = "", **environ: str) -> Az:
        program = tmp_path / "bin" / "az"
        program.parent.mkdir(exist_ok=True)
        program.write_text(
            f"#!{sys.executable}\nimport json, os, pathlib, sys, time\n"
            f"counter = pathlib.Path({str(tmp_path / 'count')!r})\n"
            "count = int(counter.read_text()) + 1 if counter.exists() else 1\n"
            f"counter.write_text(str(count))\n{code}\n",
            encoding="utf-8",
        )
        program.chmod(0o755)
        path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
        given = {**os.environ, "PATH": path, **environ}
        az = Az(lambda line: None, subscription=subscription, environ=given)
        az.patience = 0.1
        return az

    return make


ECHO = (
    "print(json.dumps({'argv': sys.argv[1:], 'env': dict(os.environ), 'stdin': sys.stdin.read()}))"
)


def refuse(message: str, exit_code: int = 1) -> str:
    """Code of a double that fails."""
    return f"sys.stderr.write({message!r}); sys.exit({exit_code})"


def test_every_call_asks_for_json_and_names_the_subscription(double: Double) -> None:
    az = double(ECHO, subscription="s-1")
    asked = az.json("group", "show", "--name", "rg")["argv"]
    assert asked == shlex.split(
        "group show --name rg --subscription s-1 -o json --only-show-errors"
    )
    for without in (["rest", "--url", "u"], ["ad", "app", "list"], ["account", "show"]):
        assert "--subscription" not in az.json(*without)["argv"]
    other = az.json("group", "show", "--subscription", "s-2")["argv"]
    assert other.count("--subscription") == 1
    assert az.calls == 5


def test_settings_of_the_user_change_nothing(double: Double) -> None:
    az = double(
        ECHO,
        AZURE_CORE_OUTPUT="table",
        AZURE_DEFAULTS_GROUP="theirs",
        AZURE_DEFAULTS_VM="theirs",
        AZURE_STORAGE_CONNECTION_STRING="theirs",
        AZURE_LOGGING_ENABLE_LOG_FILE="yes",
        AZURE_EXTENSION_USE_DYNAMIC_INSTALL="yes_prompt",
        AZURE_CONFIG_DIR="kept",
        HTTPS_PROXY="http://kept",
    )
    seen = az.json("version")["env"]
    assert "theirs" not in seen.values()
    assert seen["AZURE_CORE_OUTPUT"] == "json"
    assert seen["AZURE_LOGGING_ENABLE_LOG_FILE"] == "no"
    assert seen["AZURE_EXTENSION_USE_DYNAMIC_INSTALL"] == "no"
    assert (seen["AZURE_CONFIG_DIR"], seen["HTTPS_PROXY"]) == ("kept", "http://kept")


def test_a_body_goes_in_on_standard_input_and_never_in_the_arguments(double: Double) -> None:
    az = double(ECHO)
    seen = Client(az).send(rest("put", "u", body={"value": "s3cret"}))
    assert json.loads(seen["stdin"]) == {"value": "s3cret"}
    assert "s3cret" not in " ".join(seen["argv"]) + json.dumps(seen["env"])
    assert seen["argv"][5:7] == ["--body", "@-"]


def test_nothing_to_read_is_no_prompt(double: Double) -> None:
    assert double(ECHO).json("version")["stdin"] == ""


def test_a_failure_is_one_line_with_what_to_do(double: Double) -> None:
    az = double(refuse("ERROR: (AuthorizationFailed) The client may not.\nCode: x\nMessage: y\n"))
    with pytest.raises(Failure) as refused:
        az.json("group", "create", "--name", "rg")
    assert refused.value.kind is Kind.FORBIDDEN
    assert str(refused.value).startswith("The client may not (AuthorizationFailed); ask an admin")
    assert "\n" not in str(refused.value)


def test_what_is_absent_is_none_only_where_that_is_an_answer(double: Double) -> None:
    az = double(refuse("ERROR: (ResourceNotFound) The Resource 'x' was not found.", 3))
    assert Client(az).ask(Command(("group", "show"))) is None
    with pytest.raises(Failure) as refused:
        az.json("group", "show")
    assert refused.value.kind is Kind.NOT_FOUND
    forbidden = double(refuse("ERROR: (AuthorizationFailed) no"))
    with pytest.raises(Failure):
        Client(forbidden).ask(Command(("group", "show")))


THROTTLED = 'ERROR: Too Many Requests({"error":{"code":"TooManyRequests","message":"slow"}})'
UNAVAILABLE = 'ERROR: Service Unavailable({"error":{"code":"ServiceUnavailable","message":"no"}})'


@pytest.mark.parametrize(
    ("stderr", "arguments", "times"),
    [
        (THROTTLED, ["rest", "--method", "post"], 2),
        (UNAVAILABLE, ["rest", "--method", "get"], 2),
        (UNAVAILABLE, ["rest", "--method", "post"], 1),
        (UNAVAILABLE, ["ad", "app", "create"], 1),
        ("ERROR: (AuthorizationFailed) no", ["group", "show"], 1),
    ],
    ids=["429 of a post", "503 of a get", "503 of a post", "503 of a new application", "403"],
)
def test_only_what_does_no_harm_is_asked_again(
    stderr: str, arguments: list[str], times: int, double: Double
) -> None:
    code = f"if count == 1: {refuse(stderr)}\nprint(count)"
    az = double(code)
    try:
        assert az.json(*arguments) == 2
    except Failure:
        assert times == 1
    assert az.calls == times


def test_a_throttling_that_does_not_end_does(double: Double) -> None:
    az = double(refuse(THROTTLED))
    with pytest.raises(Failure) as refused:
        az.json("rest", "--method", "get")
    assert refused.value.kind is Kind.THROTTLED
    assert az.calls == 2


@pytest.mark.slow
def test_no_answer_in_time_ends_the_program(double: Double, tmp_path: Path) -> None:
    az = double(f"time.sleep(1.5); open({str(tmp_path / 'late')!r}, 'w')")
    with pytest.raises(Failure, match=r"no answer in 0 s") as refused:
        az.json("group", "create", timeout=0.4)
    assert refused.value.kind is Kind.TIMEOUT
    time.sleep(1.5)
    assert not (tmp_path / "late").exists()


@pytest.mark.parametrize("printed", ["<html>Sign in</html>", "half an answ"])
def test_what_is_no_json_is_said(printed: str, double: Double) -> None:
    with pytest.raises(Failure) as refused:
        double(f"print({printed!r})").json("rest", "--url", "u")
    assert refused.value.kind is (Kind.FORBIDDEN if "<" in printed else Kind.CRASHED)
    assert printed not in str(refused.value)


def test_a_secret_that_the_service_repeats_is_not_shown(double: Double) -> None:
    az = double(refuse('ERROR: Bad Request({"message":"s3cret is no value"})'))
    with pytest.raises(Failure) as refused:
        az.json("rest", "--url", "u", hide=["s3cret"])
    assert "s3cret" not in str(refused.value)
    assert "<secret>" in str(refused.value)


def test_no_az_is_said(tmp_path: Path) -> None:
    az = Az(lambda line: None, environ={"PATH": str(tmp_path)})
    with pytest.raises(Failure, match=r"no `az` on PATH; install the Azure CLI") as refused:
        az.json("version")
    assert refused.value.kind is Kind.MISSING_AZ
    assert az.calls == 0


def test_a_command_is_shown_as_a_shell_takes_it() -> None:
    az = Az(lambda line: None, subscription="s-1", environ={})
    shown = az.shown("ad", "app", "create", "--display-name", "it's ours & more")
    assert shlex.split(shown) == ["az", "ad", "app", "create", "--display-name", "it's ours & more"]
    assert az.shown("group", "show") == "az group show --subscription s-1"


@pytest.mark.slow
def test_ctrl_c_ends_the_command_and_is_not_swallowed(double: Double, tmp_path: Path) -> None:
    double(f"time.sleep(2.5); open({str(tmp_path / 'late')!r}, 'w')")  # writes the program
    code = "from amlkit.provision.cloud.az import Az\nAz(print).json('group', 'create')"
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    roots = [str(Path(__file__).parents[1] / name) for name in ("infra", "src")]
    child: subprocess.Popen[Any] = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PATH": path, "PYTHONPATH": os.pathsep.join(roots)},
        stderr=subprocess.PIPE,
    )
    while not (tmp_path / "count").exists():
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)  # to the parent alone, as `kill -INT` does
    _, said = child.communicate(timeout=2)
    assert child.returncode == -signal.SIGINT
    assert said.decode().endswith("KeyboardInterrupt\n")
    time.sleep(2)
    assert not (tmp_path / "late").exists()
