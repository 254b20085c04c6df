"""Content identities: the same for the same, another for any change."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from amlkit import content
from amlkit.records import WorkError
from conftest import write_wheel


def write(folder: Path, **files: str) -> dict[str, Path]:
    """Files by name."""
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return {name: folder / name for name in files}


def test_environment_version_is_that_of_pins_and_wheels(tmp_path: Path) -> None:
    lock, wheel = tmp_path / "lock.txt", tmp_path / "mine-1.0-py3-none-any.whl"
    lock.write_text("# made today\na==1\n    # via b\n", encoding="utf-8")
    wheel.write_bytes(b"one")
    version = content.environment_version(lock, [wheel])
    lock.write_text("# made tomorrow\na==1\n", encoding="utf-8")
    assert content.environment_version(lock, [wheel]) == version
    wheel.write_bytes(b"two")
    assert content.environment_version(lock, [wheel]) != version
    wheel.write_bytes(b"one")
    lock.write_text("a==2\n", encoding="utf-8")
    assert content.environment_version(lock, [wheel]) != version


def test_of_amlkit_only_what_runs_in_jobs_and_endpoints_counts(tmp_path: Path) -> None:
    """A release that changes the bootstrap or a driver builds no image and trains nothing again."""
    lock = tmp_path / "lock.txt"
    lock.write_text("numpy==2.2.6 --hash=sha256:aa\namlkit==0.2.0 --hash=sha256:bb\n", "utf-8")
    version = content.environment_version(lock, [write_wheel(tmp_path / "one")])
    other = write_wheel(tmp_path / "two", {"amlkit/cli.py": b"# another driver"})
    lock.write_text("numpy==2.2.6 --hash=sha256:aa\namlkit==0.2.1 --hash=sha256:cc\n", "utf-8")
    assert content.environment_version(lock, [other]) == version
    tables = write_wheel(tmp_path / "three", {"amlkit/tabular/dates.py": b"# another way"})
    assert content.environment_version(lock, [tables]) != version
    serving = write_wheel(tmp_path / "four", {"amlkit/serving/rows.py": b"# another way"})
    assert content.environment_version(lock, [serving]) != version


def test_code_leaves_out_what_is_ignored_hidden_or_compiled(tmp_path: Path) -> None:
    package = tmp_path / "src" / "mine"
    for name in (
        "train.py",
        "sub/part.py",
        "sub/notes.tmp",
        ".hidden/x.py",
        "__pycache__/train.pyc",
        "x.pyc",
    ):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("", encoding="utf-8")
    (tmp_path / ".amlignore").write_text("*.tmp\n", encoding="utf-8")
    files = content.code_files(package, tmp_path / ".amlignore")
    assert sorted(files) == ["mine/sub/part.py", "mine/train.py"]


def test_snapshot_is_made_once_and_a_changed_line_makes_another(tmp_path: Path) -> None:
    files = write(tmp_path, a="1", b="2")
    version, folder = content.snapshot(files, tmp_path / "code")
    made = folder.stat().st_mtime_ns
    assert content.snapshot(files, tmp_path / "code") == (version, folder)
    assert folder.stat().st_mtime_ns == made
    write(tmp_path, b="3")
    other, _ = content.snapshot(files, tmp_path / "code")
    assert other != version
    assert (folder / "b").read_text(encoding="utf-8") == "2"


def test_snapshot_of_code_that_changes_meanwhile_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write(tmp_path, a="1")

    def saved_by_an_editor(source: Path, target: Path) -> None:
        source.write_text("2", encoding="utf-8")
        target.write_bytes(source.read_bytes())

    monkeypatch.setattr("amlkit.content.shutil.copyfile", saved_by_an_editor)
    with pytest.raises(WorkError, match="changed while it was copied"):
        content.snapshot(files, tmp_path / "code")
    assert list((tmp_path / "code").iterdir()) == []


def test_a_file_that_is_held_on_windows_is_written_and_read_a_moment_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, refused = tmp_path / "state.json", [PermissionError(), PermissionError()]
    replace = os.replace

    def held(*names: Path) -> None:
        if refused:
            raise refused.pop()
        replace(*names)

    monkeypatch.setattr("amlkit.content.os.replace", held)
    with pytest.raises(PermissionError):
        content.write_json(path, {"a": 1})
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr("amlkit.content.WINDOWS", True)
    content.write_json(path, {"a": 1})
    assert not refused
    assert content.read_json(path) == {"a": 1}


def test_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    def interrupted() -> None:
        with content.new_folder(tmp_path / "x") as half:
            (half / "file").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_in_time(tmp_path: Path) -> None:
    old, fresh = tmp_path / ".old.half", tmp_path / ".fresh.half"
    old.mkdir()
    fresh.mkdir()
    past = time.time() - content.ABANDONED - 1
    os.utime(old, (past, past))
    (tmp_path / ".gone.half").symlink_to(tmp_path / "renamed")  # listed, then renamed by its maker
    with content.new_folder(tmp_path / "x"):
        pass
    assert not old.exists()
    assert fresh.exists()


def test_git_state_is_none_outside_a_repository(tmp_path: Path) -> None:
    assert content.git_state(tmp_path) is None
