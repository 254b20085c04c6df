"""Runs one local job as a process of its own: keeps its log, writes down how it ended.

Started by `LocalPlatform` as `python -m amlkit.local.job RUN_FOLDER COMMAND…`; it outlives the driver.
While it
lives it holds a lock on the run's folder, so that anyone can tell a running job from a killed one.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from amlkit.content import write_json

STATUS_FILE = "status.json"
LOCK_FILE = "run.lock"
LOG_FILE = "logs/std_log.txt"
CANCEL_FILE = "cancel"


def supervise(folder: Path, command: list[str]) -> None:
    """Runs `command` in `folder` to its end, or until the file `cancel` appears there."""
    from filelock import FileLock

    with FileLock(folder / LOCK_FILE), (folder / LOG_FILE).open("ab") as log:
        began = time.monotonic()
        own_group: dict[str, Any] = {} if sys.platform == "win32" else {"start_new_session": True}
        write_json(folder / STATUS_FILE, {"status": "Running"})
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            **own_group,
        )
        canceled = False
        while process.poll() is None:
            if not canceled and (folder / CANCEL_FILE).exists():
                canceled = True
                _end(process)
            time.sleep(0.05)
        status = "Canceled" if canceled else "Completed" if process.returncode == 0 else "Failed"
        seconds = round(time.monotonic() - began, 3)
        write_json(
            folder / STATUS_FILE,
            {"status": status, "exit_code": process.returncode, "seconds": seconds},
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a job and what it started."""
    if sys.platform == "win32":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], check=False)
    else:
        os.killpg(process.pid, signal.SIGKILL)


if __name__ == "__main__":
    supervise(Path(sys.argv[1]), sys.argv[2:])
