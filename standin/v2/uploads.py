"""Where a client may upload what an asset is to hold: a container of its own, with a signature.

Source: PendingUploadResponseDto (machineLearningServices 2023-04-01); the container's name as
recorded (code_asset).
"""

from __future__ import annotations

import datetime
import uuid
from typing import TYPE_CHECKING

from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from ..routing import Json, Request
from .assets import of_kinds

if TYPE_CHECKING:
    from ..blobs import Blobs
    from ..standin import Azure


class Uploads:
    """Gives out places to upload to."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure

    @of_kinds("POST", "/{name}/versions/{version}/startPendingUpload")
    def start(self, request: Request, name: str, version: str) -> Json:
        """A new container and a signature to write to it."""
        account, blobs = self.azure.account, self.azure.blobs
        container = f"{account.workspace_id[:10]}-{uuid.uuid4()}"
        blobs.make_container(container)
        address = f"https://{blobs.host}/{container}"
        return {
            "pendingUploadId": str(uuid.uuid4()),
            "pendingUploadType": "TemporaryBlobReference",
            "blobReferenceForConsumption": {
                "blobUri": address,
                "storageAccountArmId": account.dependencies["storageAccount"],
                "credential": {
                    "credentialType": "SAS",
                    "sasUri": f"{address}?{signature(blobs, container)}",
                },
            },
        }


def signature(blobs: Blobs, container: str, permission: str = "rcwl", hours: float = 8) -> str:
    """A signature over a whole container."""
    now = datetime.datetime.now(datetime.UTC)
    signed: str = generate_container_sas(
        account_name=blobs.account,
        container_name=container,
        account_key=blobs.key,
        permission=ContainerSasPermissions.from_string(permission),
        start=now - datetime.timedelta(minutes=10),
        expiry=now + datetime.timedelta(hours=hours),
    )
    return signed
