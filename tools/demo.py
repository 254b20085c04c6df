"""Render the defaults into a temporary folder and run the local lifecycle there.

Set up, data, environment, model: the commands of the rendered README, nothing beside. The folder
is kept, to look at. Exits with the code of the first step that fails.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from cookiecutter.main import cookiecutter

ROOT = Path(__file__).parents[1]


def run(*command: str, folder: Path) -> str:
    """Run a command in `folder`, its messages shown; return its standard output.

    Raises:
        SystemExit: it failed; the code is the command's own.
    """
    print(f"\n$ {' '.join(command)}", flush=True)
    # The environment that runs this script is not the rendered repository's.
    clean = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    done = subprocess.run(command, cwd=folder, env=clean, stdout=subprocess.PIPE, check=False)
    output = done.stdout.decode("utf-8", errors="replace")
    if done.returncode:
        print(output)
        sys.exit(done.returncode)
    return output


def set_up(folder: Path) -> Path:
    """Make the repository's `.venv` as its README says; return its interpreter."""
    if os.name == "nt":
        run("uv", "venv", "--quiet", "--python", "3.11", folder=folder)
        run("uv", "pip", "sync", "--quiet", "requirements-dev.txt", folder=folder)
        return folder / ".venv" / "Scripts" / "python.exe"
    run("make", "--no-print-directory", "setup", folder=folder)
    return folder / ".venv" / "bin" / "python"


def drive(python: Path, driver: str, folder: Path) -> dict[str, Any]:
    """Run a driver locally; return what it reports."""
    output = run(str(python), f"src/{driver}.py", "--local", "--json", folder=folder)
    answer: dict[str, Any] = json.loads(output)
    return answer


def main() -> None:
    """Run the whole of it."""
    started = time.monotonic()
    target = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="aml-demo-"))
    folder = Path(
        cookiecutter(str(ROOT), no_input=True, default_config=True, output_dir=str(target))
    ).resolve()
    python = set_up(folder)
    data = drive(python, "data", folder)["data"]
    environment = drive(python, "environment", folder)["environment"]
    answer = drive(python, "model", folder)

    model = answer["model"] or {}
    print(f"\nThe whole of it took {time.monotonic() - started:.0f} s.\n")
    print(f"  data         {data['name']} version {data['version']}, {data['rows']} rows")
    print(f"  environment  {environment['name']} version {environment['version']}")
    print(f"  run          {answer['run_id']}: {answer['status']}")
    print(f"  model        {model.get('name')} version {model.get('version')}, {answer['reason']}")
    print(f"  report       {answer['report']}")
    print(f"  repository   {folder}")
    if not answer["registered"]:
        sys.exit("The model was not registered.")


if __name__ == "__main__":
    main()
