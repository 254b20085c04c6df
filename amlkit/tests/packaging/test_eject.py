"""Ejecting: the copy, the wheel that is built from it, and who uses which."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZipFile

import pytest

from amlkit.__main__ import main
from amlkit.content import file_hash, wheel_identity
from amlkit.eject import changes, eject, ejected_path, private_wheels
from amlkit.records import WorkError
from amlkit.settings import SettingsError

pytestmark = pytest.mark.slow  # it builds wheels


def run(*arguments: str, **variables: str) -> str:
    """Runs Python without this test's own path; returns what it said."""
    environment: Mapping[str, str] = {**os.environ, **variables}
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def wheels(repository: Path) -> tuple[Path, ...]:
    """The private wheels, as the environment step asks for them."""
    return private_wheels(repository, repository / "wheels")


def test_private_wheels_are_those_of_the_folder(repository: Path, wheel: Path) -> None:
    (repository / "wheels" / "other-1.0-py3-none-any.whl").write_bytes(b"of the owner's")
    found = wheels(repository)
    assert [path.name for path in found] == [wheel.name, "other-1.0-py3-none-any.whl"]
    assert not (repository / ".local-workspace").exists()


def test_a_repository_has_exactly_one_wheel_of_amlkit(repository: Path, wheel: Path) -> None:
    second = repository / "wheels" / "amlkit-9.0.0-py3-none-any.whl"
    shutil.copyfile(wheel, second)
    with pytest.raises(SettingsError, match=r"holds 2 wheels of amlkit: .*9\.0\.0.*; keep one"):
        wheels(repository)
    shutil.rmtree(repository / "wheels")
    with pytest.raises(SettingsError, match="holds no wheel of amlkit; `git checkout wheels`"):
        wheels(repository)


def test_eject_copies_the_source_out_of_the_wheel(repository: Path, wheel: Path) -> None:
    copy = eject(repository)
    with ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith("amlkit/")]
        assert all((repository / "src" / name).read_bytes() == archive.read(name) for name in names)
    files = [path for path in copy.rglob("*") if path.is_file()]
    assert len(files) == len(names)
    assert sorted(path.name for path in (repository / "src").iterdir()) == ["amlkit"]
    assert changes(repository) == []


def test_ejecting_again_is_refused_unless_forced(repository: Path) -> None:
    copy = eject(repository)
    with pytest.raises(SettingsError, match=r"^src/amlkit is there already, unchanged; --force"):
        eject(repository)
    (copy / "gate.py").write_text("# mine\n")
    (copy / "mine.py").write_text("# mine\n")
    (copy / "progress.py").unlink()
    said = r"with changes in amlkit/gate\.py, amlkit/mine\.py, amlkit/progress\.py; --force"
    with pytest.raises(SettingsError, match=said):
        eject(repository)
    assert (copy / "gate.py").read_text() == "# mine\n"
    eject(repository, force=True)
    assert changes(repository) == [] and not (copy / "mine.py").exists()


def test_after_eject_the_wheel_is_built_from_the_copy(repository: Path, wheel: Path) -> None:
    copy = eject(repository)
    (copy / "serving" / "mine.py").write_text("ANSWER = 42\n")
    (built,) = wheels(repository)
    assert built.name.startswith("amlkit-0") and "+ejected." in built.name
    said = run(
        "-I", "-c", "import sys; sys.path.insert(0, sys.argv[1]); from importlib import metadata; "
        "from amlkit.serving import mine; print(mine.ANSWER, metadata.version('amlkit'))",
        str(built),
    )  # fmt: skip
    assert said == f"42 {built.name.split('-')[1]}"
    with ZipFile(built) as new, ZipFile(wheel) as shipped:
        asked = [
            [line for line in archive.read(name).splitlines() if line.startswith(b"Requires-Dist")]
            for archive in (new, shipped)
            for name in archive.namelist()
            if name.endswith("METADATA")
        ]
    assert asked[0] == asked[1] != []
    # The `wheel` package compares each file with the hash that the wheel's record names.
    run("-m", "wheel", "unpack", "--dest", str(repository / "unpacked"), str(built))


def test_each_content_of_the_copy_has_a_wheel_of_its_own(repository: Path) -> None:
    copy = eject(repository)
    (first,) = wheels(repository)
    before = first.stat().st_mtime_ns
    assert wheels(repository) == (first,) and first.stat().st_mtime_ns == before, "built once"
    (copy / "gate.py").write_text("# mine\n")
    (second,) = wheels(repository)
    assert second.name != first.name


def test_the_built_wheel_is_the_same_bytes_wherever_it_is_built(repository: Path) -> None:
    copy = eject(repository)
    (first,) = wheels(repository)
    digest = file_hash(first)
    shutil.rmtree(repository / ".local-workspace")
    for path in copy.rglob("*.py"):
        os.utime(path, (2_000_000_000, 2_000_000_000))
        path.chmod(0o600)
    (again,) = wheels(repository)
    assert again.name == first.name and file_hash(again) == digest


def test_only_what_runs_in_jobs_and_endpoints_counts_for_an_image(
    repository: Path, wheel: Path
) -> None:
    copy = eject(repository)
    shipped = wheel_identity(wheel)
    (copy / "provision" / "plan.py").write_text("# mine\n")
    (copy / "__init__.py").write_text('__version__ = "99.0.0"\n')
    assert wheel_identity(wheels(repository)[0]) == shipped
    (copy / "serving" / "__init__.py").write_text("# mine\n")
    assert wheel_identity(wheels(repository)[0]) != shipped


def test_a_local_job_has_the_copy_first_on_its_path(repository: Path) -> None:
    assert ejected_path(repository) is None
    copy = eject(repository)
    (copy / "mine.py").write_text("ANSWER = 1\n")
    path = ejected_path(repository)
    assert path is not None
    (copy / "mine.py").write_text("ANSWER = 2\n")  # while the job runs
    said = run("-c", "import amlkit.mine as m; print(m.ANSWER, m.__file__)", PYTHONPATH=str(path))
    assert said == f"1 {path / 'amlkit' / 'mine.py'}"
    assert {entry.name.split("-")[0] for entry in path.iterdir()} == {"amlkit"}


def test_a_broken_copy_is_named_in_one_line(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    eject(repository)
    monkeypatch.setattr(sys, "executable", str(shutil.which("false")))
    with pytest.raises(WorkError, match="no wheel can be made of src/amlkit: exit code 1"):
        wheels(repository)


def test_the_command_line(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(repository)
    assert main(["version", "--json"]) == 0
    installed = json.loads(capsys.readouterr().out)
    assert installed["ejected"] is False
    assert main(["eject"]) == 0
    assert "copied to src/amlkit" in capsys.readouterr().out
    assert main(["eject"]) == 2
    assert capsys.readouterr().err.startswith("error: src/amlkit is there already")
    assert main(["version"]) == 0
    assert capsys.readouterr().out.strip().endswith("src/amlkit, ejected, no files changed")
    (repository / "src" / "amlkit" / "gate.py").write_text("# mine\n")
    assert main(["version", "--json"]) == 0
    known = json.loads(capsys.readouterr().out)
    assert known["ejected"] is True and known["changed"] == ["amlkit/gate.py"]
    assert main(["eject", "--force"]) == 0
    monkeypatch.chdir(repository.parent)
    assert main(["eject"]) == 2
    assert "holds no wheel of amlkit" in capsys.readouterr().err


def test_it_is_run_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wheel: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    said = run("-m", "amlkit", "version", PYTHONPATH=str(wheel))
    assert said == f"amlkit {wheel.name.split('-')[1]} in {wheel / 'amlkit'}"
