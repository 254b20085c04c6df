"""Where `az extension add` finds extensions, and the wheels that a test offers there.

Shape: the index that `azure.cli.core.extension` of azure-cli 2.91 reads.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from .routing import EXTENSIONS, Answer, AzureError, Json, Request, route

if TYPE_CHECKING:
    from .standin import Azure


class ExtensionIndex:
    """Empty until something is offered: then az can find and fetch it."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.offered: dict[str, tuple[str, Path]] = {}  # name → version and wheel

    def offer(self, name: str, version: str, wheel: Path) -> None:
        """Put an extension into the index."""
        self.offered[name] = version, wheel

    @route("GET", EXTENSIONS, "/azure-cli-extension-index-v1", auth=False)
    def index(self, request: Request) -> Json:
        """The newest version of each extension, and where it is."""
        return {
            "formatVersion": "1",
            "extensions": {
                name: [
                    {
                        "downloadUrl": f"https://{request.host}/wheels/{wheel.name}",
                        "filename": wheel.name,
                        "metadata": {"name": name, "version": version},
                        "sha256Digest": hashlib.sha256(wheel.read_bytes()).hexdigest(),
                    }
                ]
                for name, (version, wheel) in self.offered.items()
            },
        }

    @route("GET", EXTENSIONS, "/wheels/{file}", auth=False)
    def wheel(self, request: Request, file: str) -> Answer:
        """An extension itself."""
        for _, wheel in self.offered.values():
            if wheel.name == file:
                return Answer(200, wheel.read_bytes())
        raise AzureError(404, "NotFound", f"There is no {file}")
