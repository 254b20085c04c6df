"""The foreign package of docs/contract.md in place of the sample's: it trains in a moment."""

from __future__ import annotations

import re
import shutil
from pathlib import Path


def replace_package(repository: Path) -> Path:
    """Put the package and the gate that docs/contract.md shows into a repository; its train.py."""
    docs = (repository / "docs" / "contract.md").read_text(encoding="utf-8")
    train, score = re.findall(r"```python\n(.*?)```", docs, re.DOTALL)
    [gate] = re.findall(r"```yaml\n(.*?)```", docs, re.DOTALL)
    [package] = [path.parent for path in repository.glob("src/*/train.py")]
    shutil.rmtree(package)
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "train.py").write_text(train, encoding="utf-8")
    (package / "score.py").write_text(score, encoding="utf-8")
    config = (repository / "config.yml").read_text(encoding="utf-8")
    kept = re.sub(r"(?ms)^gate:\n  rules:.*?(?=^  \S)", gate, config)
    assert kept != config
    (repository / "config.yml").write_text(kept, encoding="utf-8")
    return package / "train.py"
