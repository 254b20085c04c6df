"""The same with SDK v2: `model.py` against a plain script of its calls, both on the stand-in."""

from __future__ import annotations

from benchmarks import workspace


def main() -> None:
    """Prints what `workspace` prints of SDK v1."""
    workspace.main("v2")


if __name__ == "__main__":
    main()
