"""Registers a table as a data asset: looked through once, versioned by its content.

`python src/data.py --local --path customers.csv --target churned` on this machine; without --local
in the workspace of config.yml. `--help` says the rest.
"""

from __future__ import annotations

import sys

try:
    from amlkit.flow import data
except ModuleNotFoundError as missing:
    sys.exit(f"error: no {missing.name} in {sys.executable}: activate .venv; `make setup` makes it")

if __name__ == "__main__":
    sys.exit(data.main(__file__))
