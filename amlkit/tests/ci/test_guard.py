"""What a driver prints in a pipeline: no command of others, no secret; elsewhere, as ever."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from amlkit import ci
from amlkit.ci.guard import hider

PASSWORD = 'pass"word~1'
ZERO_WIDTH, SOFT_HYPHEN, JOINER = "\u200b", "\u00ad", "\u2060"


@pytest.fixture()
def pipeline(tmp_path: Path) -> dict[str, str]:
    """The environment of a step."""
    kept = {"TF_BUILD": "True", "BUILD_ARTIFACTSTAGINGDIRECTORY": str(tmp_path)}
    return kept | {"SPN_PASSWORD": PASSWORD, "TENANT_ID": "tenant"}


@pytest.fixture()
def guard() -> Iterator[ci.Guard]:
    """A guard over a stream in memory, as `guard.stream`."""
    yield ci.Guard(io.StringIO(), hider({"SPN_PASSWORD": PASSWORD}, ["SPN_PASSWORD"]))


def written(guard: ci.Guard) -> str:
    """What was handed over in the end."""
    guard.close()
    assert isinstance(guard.stream, io.StringIO)
    return guard.stream.getvalue()


COMMANDS = [
    "##vso[task.setvariable variable=evil]1",
    "x ##vso[task.complete result=Failed]",
    "##[error]",
    "###vso[task.complete]",
    "####[section]",
    "#####vso[task.complete]",
    "##VSO[task.complete]",
    f"#{ZERO_WIDTH}#vso[task.complete]",
    f"##v{SOFT_HYPHEN}so[task.complete]",
    f"##{JOINER}[error]",
    "##\0vso[task.complete]",
    "##\x7f[error]",
]


@pytest.mark.parametrize("text", COMMANDS)
@pytest.mark.parametrize("piece", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", ""])
def test_no_text_commands_however_it_is_written(
    guard: ci.Guard, text: str, piece: int, end: str
) -> None:
    whole = f"before\rok\n{text}{end}"
    for start in range(0, len(whole), piece):
        guard.write(whole[start : start + piece])
        guard.flush()
    said = written(guard)
    assert "##" not in said
    assert said.startswith("before\rok\n")
    assert said.endswith(end)


def test_a_text_that_commands_nothing_is_as_it_was(guard: ci.Guard) -> None:
    text = "## A heading\n# \u200bzero width [x]\n\ttab, \x1b[1mbold\x1b[0m, größe ##\r 50 %\n"
    guard.write(text)
    assert written(guard) == text


def test_secrets_are_masked_split_and_in_json(guard: ci.Guard) -> None:
    for piece in (*PASSWORD, "\n", json.dumps({"p": PASSWORD}), "\n"):
        guard.write(piece)
    guard.write("https://a?sig=abcdef&x=1\n")
    said = written(guard)
    assert said == '***\n{"p": "***"}\nhttps://a?sig=<secret>&x=1\n'


def test_a_line_is_handed_over_at_its_end(guard: ci.Guard) -> None:
    assert isinstance(guard.stream, io.StringIO)
    assert guard.write("half") == 4
    guard.flush()
    assert guard.stream.getvalue() == ""
    guard.write(" a line\n")
    assert guard.stream.getvalue() == "half a line\n"
    assert not guard.isatty()
    assert not hasattr(guard, "buffer")


@pytest.mark.parametrize("provider", ["TF_BUILD", "GITHUB_ACTIONS"])
def test_print_warnings_and_tracebacks_are_guarded_in_a_process_of_its_own(provider: str) -> None:
    code = (
        "import sys, warnings\n"
        "from amlkit import ci\n"
        "with ci.step('data'):\n"
        "    print('##vso[a]1')\n"
        "    sys.stdout.write('##vso')\n"
        "    print('[b]2', file=sys.stderr)\n"
        "    sys.stdout.write('[c]3')\n"
        "    warnings.warn('##[error]4')\n"
        "    try: raise ValueError('\\n##vso[d]5')\n"
        "    except ValueError:\n"
        "        import traceback; traceback.print_exc()\n"
        "    print('\\n::error::6\\r  ::set-output name=a::7')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={provider: "True", "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    said = done.stdout + done.stderr
    assert [number for number in "1234567" if number not in said] == []
    assert "##" not in said
    assert "::error" not in said
    assert "::set" not in said


def test_away_from_a_pipeline_nothing_is_touched(capsys: pytest.CaptureFixture[str]) -> None:
    usual = sys.stdout, sys.stderr
    with ci.step("model", {"SPN_PASSWORD": "$(SpnPassword)"}) as conclude:
        assert (sys.stdout, sys.stderr) == usual
        print("##[section] mine")
        assert conclude(1, {"error": "x", "run_id": "1", "status": "Running"}) == 1
    assert capsys.readouterr() == ("##[section] mine\n", "")


def test_the_streams_come_back_after_an_error(pipeline: dict[str, str]) -> None:
    usual = sys.stdout, sys.stderr
    with pytest.raises(ValueError, match="x"), ci.step("model", pipeline):
        assert isinstance(sys.stdout, ci.Guard)
        raise ValueError("x")
    assert (sys.stdout, sys.stderr) == usual


def test_a_variable_that_the_group_lacks_is_named_and_not_set(
    pipeline: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline |= {"SPN_PASSWORD": "$(SpnPassword)", "TENANT_ID": "$(TenantID)", "OTHER": "$(x)"}
    with ci.step("data", pipeline) as conclude:
        assert set(pipeline) == {"TF_BUILD", "BUILD_ARTIFACTSTAGINGDIRECTORY", "OTHER"}
        assert conclude(2, {"error": "TENANT_ID is not set."}) == 2
    # SpnPassword is not named: where a service connection signs in, nobody needs it.
    words = "TENANT_ID is not set. The variable group has no variable TenantID."
    assert f"##vso[task.logissue type=error]{words}\n" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["##vso[x]1", "größe", "#\u200b#[x]", "\u2028::error::x"])
def test_json_parses_to_the_same_and_passes_the_guard(guard: ci.Guard, text: str) -> None:
    record = {"a": text, "b": ["###", "größe"], "##": 1}
    text = ci.plain_json(record)
    assert "\n" not in text
    print(text, file=guard)
    assert json.loads(written(guard)) == record
