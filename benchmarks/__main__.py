"""`python -m benchmarks [PART…]`: all parts, or those named."""

from __future__ import annotations

import importlib
import sys

PARTS = (
    *("render", "help", "register", "train", "serve", "batch", "workspace", "workspace-v2"),
    *("bootstrap", "tables"),
)


def main() -> None:
    """Runs the parts, one after the other."""
    chosen = sys.argv[1:] or PARTS
    for part in chosen:
        if part not in PARTS:
            sys.exit(f"no part {part!r}; there are {', '.join(PARTS)}")
    for part in chosen:
        importlib.import_module(f"benchmarks.{part.replace('-', '_')}").main()


if __name__ == "__main__":
    main()
