"""The parts of SDK v2's control plane, each in a module of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .assets import Assets
from .datastores import DatastoreResources
from .shared import SharedAssets
from .uploads import Uploads

if TYPE_CHECKING:
    from ..standin import Azure


class ControlPlane:
    """What azure-ai-ml asks below a workspace: `azure.v2`, one attribute for each part."""

    def __init__(self, azure: Azure) -> None:
        self.shared = SharedAssets(azure)
        self.assets = Assets(azure)
        self.uploads = Uploads(azure)
        self.datastores = DatastoreResources(azure)

    def parts(self) -> list[object]:
        """All parts, for the router."""
        return list(vars(self).values())

    def close(self) -> None:
        """End what the parts started, last first."""
        for part in reversed(self.parts()):
            close = getattr(part, "close", None)
            if close is not None:
                close()
