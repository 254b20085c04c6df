"""Scores a file with the rule: what a package does whose model amlkit does not know."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path


def main() -> int:
    """Writes the columns to keep and `prediction`; 2 for a file that has no islands."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--keep", action="append", default=[])
    parser.add_argument("--progress", action="store_true")
    args = parser.parse_args()
    rule = json.loads((args.model / "rule.json").read_text(encoding="utf-8"))
    with args.input.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or "Island" not in rows[0]:
        print("error: there is no column 'Island'", file=sys.stderr)
        return 2
    with args.output.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*args.keep, "prediction"])
        for row in rows:
            writer.writerow([*(row[name] for name in args.keep), rule.get(row["Island"])])
    print(json.dumps({"rows": len(rows), "output": str(args.output)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
