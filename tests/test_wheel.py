"""The wheel that is handed in: its bytes, its versions, and the repository that holds it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest

from tests.conftest import FOLDER, ROOT, tracked
from tools import wheel as tool
from tools.wheel import WheelError, build, check, current_wheel, install_into, make_wheel

pytestmark = pytest.mark.slow  # each builds one


@dataclass(frozen=True)
class Checkout:
    """A copy of the library's source and of the template's locks."""

    library: Path
    template: Path

    @property
    def record(self) -> Path:
        """Every version that was handed in."""
        return self.library / "wheels.json"

    def make(self) -> str:
        """Hands a wheel in; its version."""
        return make_wheel(self.library, self.template, self.record).name.split("-")[1]

    def check(self) -> None:
        """Checks the one that was handed in."""
        check(self.library, self.template, self.record)

    def edit(self, line: str) -> None:
        """Another content."""
        (self.library / "src" / "amlkit" / "gate.py").write_text(line)

    @property
    def known(self) -> dict[str, str]:
        """Version → hash."""
        known: dict[str, str] = json.loads(self.record.read_text())
        return known


def copy_library(folder: Path) -> Path:
    """The source of amlkit, without what git ignores."""
    for name in tracked(ROOT / "amlkit"):
        if name.startswith(("src/", "pyproject", "README", "LICENSE")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / "amlkit" / name, folder / name)
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout in which no wheel was handed in yet."""
    template = tmp_path / "template"
    template.mkdir()
    for pattern in ("requirements-*", "constraints.txt"):
        for path in (ROOT / FOLDER).glob(pattern):
            shutil.copyfile(path, template / path.name)
    made = Checkout(copy_library(tmp_path / "amlkit"), template)
    tool.write_version("0.2.0", made.library)
    return made


# Bytes


def interpreters() -> list[str]:
    """Every Python that amlkit runs on and this machine has, by its path."""
    found = {}
    for minor in ("3.11", "3.12", "3.13"):
        command = ["uv", "python", "find", "--no-project", "--no-python-downloads", minor]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            found[minor] = done.stdout.strip()
    return list(found.values()) or [sys.executable]


def test_builds_are_the_same_bytes_on_every_python(tmp_path: Path) -> None:
    """Whoever builds it, whenever, from files of any mode and age."""
    library = copy_library(tmp_path / "amlkit")
    here = build(tmp_path / "here", library=library)
    for path in library.rglob("*.py"):
        os.utime(path, (2_000_000_000, 2_000_000_000))
        path.chmod(0o700)
    [site] = {str(Path(entry)) for entry in sys.path if entry.endswith("site-packages")}
    code = (
        "import sys; from pathlib import Path; from tools.wheel import build; "
        "print(build(Path(sys.argv[1]), library=Path(sys.argv[2])))"
    )
    for number, python in enumerate(interpreters()):
        done = subprocess.run(
            [python, "-c", code, str(tmp_path / str(number)), str(library)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{site}", "TZ": "Asia/Tokyo"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert Path(done.stdout.strip()).read_bytes() == here.read_bytes(), python


def test_nothing_but_the_source_is_in_it(tmp_path: Path) -> None:
    library = copy_library(tmp_path / "amlkit")
    before = build(tmp_path / "before", library=library).read_bytes()
    cache = library / "src" / "amlkit" / "__pycache__"
    cache.mkdir()
    (cache / "gate.cpython-311.pyc").write_bytes(b"compiled")
    (library / "src" / "amlkit" / ".DS_Store").write_bytes(b"a folder's looks")
    (library / "tests").mkdir()
    (library / "tests" / "test_mine.py").write_text("")
    assert build(tmp_path / "after", library=library).read_bytes() == before


def test_the_backend_is_the_pinned_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It writes its version into the wheel: another one makes other bytes."""
    project = tomllib.loads((ROOT / "amlkit" / "pyproject.toml").read_text())
    pin = f"hatchling=={metadata.version('hatchling')}"
    assert project["build-system"]["requires"] == [pin]
    made = build(tmp_path)
    with zipfile.ZipFile(made) as archive:
        [about] = [name for name in archive.namelist() if name.endswith("/WHEEL")]
        assert f"Generator: {pin.replace('==', ' ')}\n".encode() in archive.read(about)
    monkeypatch.setattr("tools.wheel.metadata.version", lambda _: "1.32.9")
    with pytest.raises(WheelError, match=r"hatchling 1\.32\.9 runs"):
        build(tmp_path)


# A version for each content


def test_tests_get_a_version_for_each_content(tmp_path: Path) -> None:
    library, folder = copy_library(tmp_path / "amlkit"), tmp_path / "cache"
    first = current_wheel(folder, library)
    made = first.stat().st_mtime_ns
    assert current_wheel(folder, library) == first and first.stat().st_mtime_ns == made
    (library / "src" / "amlkit" / "gate.py").write_text("# another\n")
    second = current_wheel(folder, library)
    assert second.name != first.name and len(second.name) == len(first.name)
    with zipfile.ZipFile(second) as archive:
        version = second.name.split("-")[1]
        assert f'__version__ = "{version}"'.encode() in archive.read("amlkit/__init__.py")
        assert f"amlkit-{version}.dist-info/METADATA" in archive.namelist()


def test_the_first_wheel_has_the_sources_version(checkout: Checkout) -> None:
    assert checkout.make() == "0.2.0"
    checkout.check()
    [wheel] = (checkout.template / "wheels").iterdir()
    assert checkout.known == {"0.2.0": tool._hash(wheel)}


def test_the_same_content_keeps_its_version(checkout: Checkout) -> None:
    checkout.make()
    before = checkout.record.read_bytes()
    assert checkout.make() == "0.2.0"
    assert checkout.record.read_bytes() == before


def test_other_content_takes_the_next_patch_version(checkout: Checkout) -> None:
    checkout.make()
    checkout.edit("# one\n")
    with pytest.raises(WheelError, match=r"amlkit-0\.2\.0-.* is not what the source builds"):
        checkout.check()
    assert checkout.make() == "0.2.1" == tool.source_version(checkout.library)
    checkout.check()
    checkout.edit("# two\n")
    assert checkout.make() == "0.2.2"
    assert list(checkout.known) == ["0.2.0", "0.2.1", "0.2.2"]
    assert len(list((checkout.template / "wheels").iterdir())) == 1


def test_a_version_that_the_source_says_is_taken_if_it_is_higher(checkout: Checkout) -> None:
    checkout.make()
    checkout.edit("# one\n")
    tool.write_version("0.3.0", checkout.library)
    assert checkout.make() == "0.3.0"
    checkout.edit("# two\n")
    tool.write_version("0.2.9", checkout.library)
    assert checkout.make() == "0.3.1", "an older one would not be installed over a newer"


def test_other_bytes_under_a_known_version_are_refused(checkout: Checkout) -> None:
    checkout.make()
    checkout.edit("# another\n")
    other = build(checkout.library.parent / "other", library=checkout.library)
    install_into(checkout.template, other)
    with pytest.raises(WheelError, match=r"holds other bytes than were handed in under 0\.2\.0"):
        checkout.check()
    assert checkout.make() == "0.2.1"


def test_a_wheel_that_is_not_recorded_is_refused(checkout: Checkout) -> None:
    with pytest.raises(WheelError, match="holds no wheel of amlkit"):
        checkout.check()
    install_into(checkout.template, current_wheel())
    with pytest.raises(WheelError, match=r"wheels\.json does not know amlkit-[\d.]+\+"):
        checkout.check()
    shutil.copyfile(current_wheel(), checkout.template / "wheels" / "amlkit-9-py3-none-any.whl")
    with pytest.raises(WheelError, match="only the current wheel is kept"):
        checkout.check()


def test_another_compression_of_the_same_files_is_no_other_content(checkout: Checkout) -> None:
    """zlib-ng, which some systems have, makes other bytes of them."""
    checkout.make()
    [wheel] = (checkout.template / "wheels").iterdir()
    with zipfile.ZipFile(wheel) as old:
        files = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for name, data in files.items():
            new.writestr(name, data)
    checkout.record.write_text(json.dumps({"0.2.0": tool._hash(wheel)}))
    install_into(checkout.template, wheel)
    checkout.check()
    before = wheel.read_bytes()
    assert checkout.make() == "0.2.0"
    assert wheel.read_bytes() == before


def test_a_lock_that_lags_behind_is_refused(checkout: Checkout) -> None:
    checkout.make()
    lock = checkout.template / "requirements-serve.txt"
    text = lock.read_text()
    lock.write_text(text.replace("amlkit==0.2.0", "amlkit==0.1.9"))
    with pytest.raises(WheelError, match=r"requirements-serve\.txt does not lock amlkit-0\.2\.0"):
        checkout.check()
    lock.write_text(text)
    checkout.check()
    pins = checkout.template / "constraints.txt"
    pins.write_text(pins.read_text().replace("amlkit==", "# amlkit=="))
    with pytest.raises(WheelError, match=r"constraints\.txt does not say amlkit==0\.2\.0"):
        checkout.check()


def test_a_dependency_that_no_lock_holds_is_named(checkout: Checkout) -> None:
    project = checkout.library / "pyproject.toml"
    text = project.read_text()
    project.write_text(text.replace('"orjson>=3.10"', '"orjson>=99"', 1))
    checkout.make()
    with pytest.raises(WheelError, match=r"orjson>=99 is asked for, .* is locked; `make locks`"):
        checkout.check()


# In a repository


def test_a_repository_has_the_one_wheel_and_its_locks_say_so(checkout: Checkout) -> None:
    own = checkout.template / "wheels" / "of_the_owner-1.0-py3-none-any.whl"
    install_into(checkout.template, current_wheel())
    own.write_bytes(b"")
    later = build(checkout.library.parent / "later", "0.4.0", checkout.library)
    install_into(checkout.template, later)
    names = {path.name for path in (checkout.template / "wheels").iterdir()}
    assert names == {later.name, own.name}
    entry = f"amlkit==0.4.0 \\\n    --hash=sha256:{tool._hash(later)}\n"
    locks = list(checkout.template.glob("requirements-*.txt"))
    assert len(locks) == 9
    assert all(lock.read_text().count(entry) == 1 for lock in locks)
    assert (checkout.template / "constraints.txt").read_text().count("amlkit==0.4.0\n") == 1


def test_a_lock_without_amlkit_is_refused(checkout: Checkout) -> None:
    (checkout.template / "requirements-train.txt").write_text("numpy==2.3.2\n")
    with pytest.raises(WheelError, match=r"requirements-train\.txt pins amlkit 0 times"):
        install_into(checkout.template, current_wheel())


def test_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise WheelError("it is not what the source builds")

    monkeypatch.setattr(tool, "check", refuse)
    monkeypatch.setattr(sys, "argv", ["wheel", "--check"])
    with pytest.raises(SystemExit) as ended:
        tool.main()
    assert ended.value.code == "error: it is not what the source builds"
