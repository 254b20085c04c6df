"""What a rollback took away from an endpoint of this machine, and when that is forgotten."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from amlkit.flow.switch import Objection, deploy, roll_back
from amlkit.local import open_local
from amlkit.workspace import Workspace
from local.served import Served

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals"),
    pytest.mark.slow,  # each starts servers
]
EXAMPLES = {"data": [{"Island": "Dream"}]}


def test_a_rollback_is_marked_and_a_deployment_by_name_takes_it_off(served: Served) -> None:
    workspace = _workspace(served)

    def put(version: str, objection: Objection | None = None) -> bool:
        model = replace(served.definition.model, version=version)
        definition = replace(served.definition, model=model, identity=f"i{version}")
        return deploy(workspace, definition, EXAMPLES, print, objection).switched

    assert put("3") and put("4")
    assert roll_back(workspace, "e", lambda name, version: EXAMPLES, print, "p").switched
    after = served.get()
    assert after.serving and after.serving.model_version == "3"
    assert [mark.version for mark in after.withdrawn] == ["4"]
    assert not put("5", lambda endpoint: "overtaken")
    serves = served.get().serving
    assert serves and serves.model_version == "3"
    # One that nobody named takes no mark off, and none is lost by it.
    assert put("5", lambda endpoint: "")
    assert [mark.version for mark in served.get().withdrawn] == ["4"]
    assert put("4") and served.get().withdrawn == ()


def test_a_rollback_that_fails_leaves_no_mark(served: Served) -> None:
    workspace = _workspace(served)
    first, second = served.deploy(), served.deploy()
    home = served.home / "deployments" / first.serving.name / "code"  # type: ignore[union-attr]
    for script in home.rglob("score.py"):
        script.write_text("raise RuntimeError('broken since')\n", encoding="utf-8")
    outcome = roll_back(workspace, "e", lambda name, version: EXAMPLES, print, "p")
    assert outcome.rolled_back and served.get().withdrawn == ()
    assert served.get().serving == second.serving


def _workspace(served: Served) -> Workspace:
    return replace(open_local(served.home.parents[1]), endpoints=served.endpoints)
