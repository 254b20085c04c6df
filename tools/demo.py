"""Render the defaults into a temporary folder and run the local lifecycle there.

    python tools/demo.py [FOLDER] [--template FOLDER]

Set up, data, environment, model, deploy, one scored request: the commands of the rendered README,
nothing beside. The folder is kept, to look at; the endpoint is not. Exits with the code of the
first step that fails.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import requests  # comes with cookiecutter

ROOT = Path(__file__).parents[1]


def run(*command: str, folder: Path) -> str:
    """Run a command in `folder`, its messages shown; return its standard output.

    Raises:
        SystemExit: it failed; the code is the command's own.
    """
    print(f"\n$ {' '.join(command)}", flush=True)
    began = time.monotonic()
    # The environment that runs this script is not the rendered repository's. What is run once is
    # compiled where it is imported: a fifth of what is installed, and `make setup` compiles all.
    clean = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    clean |= {"MAKEFLAGS": "-- BYTECODE=", "UV_COMPILE_BYTECODE": "0"}
    done = subprocess.run(command, cwd=folder, env=clean, stdout=subprocess.PIPE, check=False)
    output = done.stdout.decode("utf-8", errors="replace")
    if done.returncode:
        print(output)
        sys.exit(done.returncode)
    print(f"  {time.monotonic() - began:.1f} s", flush=True)
    return output


def render(template: Path, target: Path) -> Path:
    """Answer each question with its default; return the repository's folder.

    By a process of its own: what the template says of the next steps, this script does.
    """
    command = [sys.executable, "-m", "cookiecutter", str(template.resolve())]
    target.mkdir(parents=True, exist_ok=True)
    run(*command, "--no-input", "--default-config", folder=target)
    return next(path for path in target.resolve().iterdir() if (path / "config.yml").is_file())


def set_up(folder: Path) -> Path:
    """Make the repository's `.venv` as its README says; return its interpreter."""
    if os.name == "nt":
        run("uv", "venv", "--quiet", "--python", "3.11", folder=folder)
        run("uv", "pip", "sync", "--quiet", "requirements-dev.txt", folder=folder)
        return folder / ".venv" / "Scripts" / "python.exe"
    run("make", "--no-print-directory", "setup", folder=folder)
    return folder / ".venv" / "bin" / "python"


def drive(python: Path, driver: str, folder: Path, *flags: str) -> dict[str, Any]:
    """Run a driver locally; return what it reports."""
    output = run(str(python), f"src/{driver}.py", "--local", "--json", *flags, folder=folder)
    answer: dict[str, Any] = json.loads(output)
    return answer


def ask(uri: str, body: dict[str, Any]) -> dict[str, Any]:
    """Send the endpoint a request; return its answer."""
    with requests.Session() as session:
        session.trust_env = False  # no proxy: the endpoint is on this machine
        response = session.post(uri, json=body, timeout=60)
    response.raise_for_status()
    answer: dict[str, Any] = response.json()
    return answer


def main() -> None:
    """Run the whole of it."""
    parser = argparse.ArgumentParser(description="Render the defaults and run the lifecycle.")
    parser.add_argument("folder", type=Path, nargs="?", help="where (else a temporary folder)")
    parser.add_argument("--template", type=Path, default=ROOT, help="another copy of the template")
    arguments = parser.parse_args()
    started = time.monotonic()
    target = arguments.folder or Path(tempfile.mkdtemp(prefix="aml-demo-"))
    folder = render(arguments.template, target)
    python = set_up(folder)
    data = drive(python, "data", folder)["data"]
    environment = drive(python, "environment", folder)["environment"]
    answer = drive(python, "model", folder)
    if not answer["registered"]:
        sys.exit(f"The model was not registered: {answer['reason']}")
    deployed = drive(python, "deploy", folder)
    scored = ask(deployed["endpoint"]["uri"], deployed["example"])
    drive(python, "deploy", folder, "--delete")

    model, row = answer["model"], deployed["example"]["data"][0]
    print(f"\nThe whole of it took {time.monotonic() - started:.0f} s.\n")
    print(f"  data         {data['name']} version {data['version']}, {data['rows']} rows")
    print(f"  environment  {environment['name']} version {environment['version']}")
    print(f"  run          {answer['run_id']}: {answer['status']}")
    print(f"  model        {model.get('name')} version {model.get('version')}, {answer['reason']}")
    print(f"  report       {answer['report']}")
    print(f"  endpoint     {deployed['endpoint']['uri']} (stopped again)")
    print(f"  request      {shortened(row)}")
    print(f"  prediction   {scored['predictions'][0]}{probability(scored)}")
    print(f"  repository   {folder}")


def shortened(row: dict[str, Any]) -> str:
    """A row in at most 90 characters."""
    text = json.dumps(row, ensure_ascii=False)
    return text if len(text) <= 90 else text[:89] + "…"


def probability(scored: dict[str, Any]) -> str:
    """The probability of the predicted class, in words; nothing for a regression."""
    if "probabilities" not in scored:
        return ""
    place = scored["classes"].index(scored["predictions"][0])
    return f", probability {scored['probabilities'][0][place]:.3f}"


if __name__ == "__main__":
    main()
