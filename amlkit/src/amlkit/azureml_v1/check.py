"""`make azure-check` with SDK v1 (see amlkit.azure.check)."""

from __future__ import annotations

import sys

from amlkit.azure.check import main

PACKAGES = ("azureml-core", "azureml-dataset-runtime", "azure-identity", "azure-storage-blob")

if __name__ == "__main__":
    sys.exit(main("amlkit.azureml_v1.check", PACKAGES))
