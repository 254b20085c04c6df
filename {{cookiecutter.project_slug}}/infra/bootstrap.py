"""Makes what this repository needs in Azure: plan, apply, status, destroy, credentials, pipelines.

It needs nothing installed but Python and PyYAML: amlkit is read out of its wheel, or from
`src/amlkit` once `python -m amlkit eject` has copied it there. docs/azure.md tells the whole.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    wheels = [str(path) for path in ROOT.glob("wheels/amlkit-*.whl")]
    found = [str(ROOT / "src")] if (ROOT / "src" / "amlkit").is_dir() else wheels
    if len(found) != 1:
        sys.exit(f"error: wheels/ holds {len(found)} wheels of amlkit; one is needed")
    sys.path[:0] = found
    from amlkit.provision.cli import main

    sys.exit(main(ROOT))
