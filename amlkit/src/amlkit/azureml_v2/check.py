"""`make azure-check` with SDK v2 (see amlkit.azure.check)."""

from __future__ import annotations

import sys

from amlkit.azure.check import main

PACKAGES = ("azure-ai-ml", "azure-identity", "azure-storage-blob")

if __name__ == "__main__":
    sys.exit(main("amlkit.azureml_v2.check", PACKAGES))
