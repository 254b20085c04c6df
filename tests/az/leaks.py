"""Looks for secrets in everything that was written, and in the arguments of processes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from tests.az.cloud import Cloud, Done


def leaks(secrets: Mapping[str, str], folders: Iterable[Path], *texts: str) -> list[str]:
    """Where a secret stands: `what it is: the file, or the text`.

    Args:
        secrets: what each one is → the secret.
        folders: looked through to the last file, hidden ones too.
        texts: what was printed, arguments of processes, requests.
    """
    wanted = {
        what: {secret.encode(), quote(secret, safe="").encode()} for what, secret in secrets.items()
    }
    assert all(len(secret) > 7 for secret in secrets.values()), "too short to be looked for"
    found = []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                content = path.read_bytes()
                found += [f"{what}: {path}" for what in wanted if _in(content, wanted[what])]
    for text in texts:
        content = text.encode()
        found += [f"{what}: {text[:200]!r}" for what in wanted if _in(content, wanted[what])]
    return found


def left_secrets(cloud: Cloud, ended: Sequence[Done]) -> list[str]:
    """Secrets of the made principals that stand where none may."""
    account, world = cloud.standin.account, cloud.standin.world
    secrets = {
        f"secret {number}": secret
        for application in world.applications.values()
        for number, secret in account.credentials.get(application.body["appId"], {}).items()
    }
    said = [text for done in ended for text in (done.out, done.err)]
    said += [" ".join(call) for call in cloud.machine.program.calls()]
    folders = [
        cloud.project,
        cloud.machine.home,
        cloud.machine.scratch,
        cloud.machine.folder / "bin",
    ]
    return leaks(secrets, folders, *said)


def _in(content: bytes, forms: set[bytes]) -> bool:
    """Whether one of the forms of a secret stands there."""
    return any(form in content for form in forms)
