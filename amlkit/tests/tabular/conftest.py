"""The template's own package, importable as `sample_model`: the owner's files are tested here."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from conftest import PACKAGE

_copy = tempfile.TemporaryDirectory()  # lives as long as the tests do
shutil.copytree(PACKAGE, Path(_copy.name, "sample_model"), ignore=shutil.ignore_patterns("__py*"))
sys.path.insert(0, _copy.name)
