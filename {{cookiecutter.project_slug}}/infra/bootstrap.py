"""Makes what this repository needs in Azure, shows what stands, and takes it down again.

`plan` needs neither az nor a network; `apply` may be run again at any time and makes what is
missing. docs/azure.md tells the whole.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "infra"), str(ROOT / "src")]

if __name__ == "__main__":
    from provision.cli import main

    sys.exit(main())
