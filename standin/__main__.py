"""`python -m standin`: the stand-in by hand, for any client."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from contextlib import nullcontext
from pathlib import Path

from .specifications.witness import Witness, watched
from .standin import StandIn


def main() -> int:
    """Print the details as one JSON line, then serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(
        prog="python -m standin",
        description="A double of Azure on loopback. Prints one JSON line (how to reach it, and "
        "credentials that are valid only here), then serves until it is ended.",
    )
    parser.add_argument("--port", type=int, default=0, help="port of the proxy (else a free one)")
    parser.add_argument("--folder", type=Path, help="where its files lie (else a temporary one)")
    parser.add_argument("--journal", type=Path, help="write the journal here at the end")
    parser.add_argument(
        "--empty",
        action="store_true",
        help="nothing but a subscription and who owns it, for `az` to fill",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="hold each answer to what was published of it; at the end say which is not so, exit 1",
    )
    arguments = parser.parse_args()
    ended = threading.Event()
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: ended.set())
    with watched() if arguments.check else nullcontext(Witness()) as witness:
        try:
            standin = StandIn(arguments.folder, port=arguments.port, empty=arguments.empty)
            standin.start()
        except (OSError, RuntimeError) as error:
            print(f"the stand-in cannot start: {error}", file=sys.stderr)
            return 1
        try:
            print(json.dumps(standin.details), flush=True)
            while not ended.wait(1 if os.name == "nt" else None):  # Windows wakes no endless wait
                pass
        finally:
            if arguments.journal:
                standin.journal.write(arguments.journal)
            standin.stop()
    for call, wrong in witness.violations.items():
        print(f"not as published: {call}: {'; '.join(wrong)}", file=sys.stderr)
    return int(bool(witness.violations))


if __name__ == "__main__":
    sys.exit(main())
