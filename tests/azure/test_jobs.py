"""Jobs and endpoints through amlkit's own interface, beside what the drivers ask of it."""

from __future__ import annotations

import json
import subprocess
from textwrap import dedent
from typing import Any

from tests.azure.conftest import AzureProject
from tests.azure.test_environments import small

HEAD = """
import json, sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, "src")
from amlkit.calls import Calls
from amlkit.flow.environment import environment_definition
from amlkit.records import Job, Resources, WorkError
from amlkit.settings import load_settings
from amlkit.platforms import open_workspace
from environment import environment, private_wheel

flags = [word.partition("=") for word in sys.argv[1:] if word != "--set"]
settings = load_settings(Path.cwd(), overrides=[(key, value, "--set") for key, _, value in flags])
said = []
calls = Calls(environment, private_wheel)
workspace = open_workspace(settings, calls, local=False, say=said.append)
"""


def run(project: AzureProject, script: str, *flags: str) -> Any:
    """The JSON that a script with amlkit's `workspace` prints."""
    done = subprocess.run(
        [project.python, "-c", HEAD + dedent(script), *flags],
        cwd=project.path,
        env=project.environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_a_job_of_any_command_has_its_inputs_in_place(project: AzureProject) -> None:
    project.done("data")
    code = project.path / "other code"
    code.mkdir()
    (code / "count.py").write_text(
        "import json, os, pathlib, sys\n"
        "names = sorted(path.name for path in pathlib.Path(sys.argv[2]).rglob('*.csv'))\n"
        "pathlib.Path('outputs').mkdir(exist_ok=True)\n"
        "found = [names, sys.argv[3], os.environ['WORD']]\n"
        "pathlib.Path('outputs/found.json').write_text(json.dumps(found))\n"
        "print('counted')\n",
        encoding="utf-8",
    )
    status, found, log, refused = run(
        project,
        """
        made = workspace.environments.create(environment_definition(settings))
        job = Job(
            experiment="any-command",
            code=Path("other code"),
            code_version="c",
            command=("python", "count.py", "--table", "${{inputs.table}}", "a b"),
            inputs={"table": workspace.data.get(settings.data.name)},
            environment=made,
            variables={"WORD": "x y"},
            identity="0123456789ab",
        )
        started = workspace.jobs.create(job)
        done = workspace.jobs.stream(started.id, said.append)
        found = workspace.jobs.read(done.id, "found.json")
        try:
            workspace.jobs.create(replace(job, resources=Resources(instance_count=2)))
        except WorkError as error:
            refused = str(error)
        print(json.dumps(
            [done.status, json.loads(found or b"null"), workspace.jobs.log(done.id), refused]
        ))
        """,
        *small(project, "any-command"),
    )
    assert status == "Completed", log
    assert found == [["penguins.csv"], "a b", "x y"]
    assert "counted" in log
    assert "MpiConfiguration" in refused


def test_shares_of_the_traffic_are_not_to_be_had(project: AzureProject) -> None:
    (line,) = run(
        project,
        """
        try:
            workspace.endpoints.set_traffic("house", {"one": 90, "two": 10})
        except WorkError as error:
            print(json.dumps([str(error)]))
        """,
    )
    assert "SDK v2" in line
    assert "one 90, two 10" in line
