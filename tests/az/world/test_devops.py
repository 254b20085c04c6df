"""Variable groups of Azure DevOps."""

from __future__ import annotations

from typing import Any

from standin import StandIn
from tests.az.world.caller import ARM, DEVOPS, Caller


def test_a_variable_group_keeps_its_secrets(owner: Caller, standin: StandIn) -> None:
    project = standin.world.add_project("contoso", "churn")
    groups = "_apis/distributedtask/variablegroups"
    plain, secret = {"value": "1"}, {"value": "s3", "isSecret": True}
    body: dict[str, Any] = {
        "type": "Vsts",
        "name": "churn",
        "variables": {"a": plain, "b": secret},
        "variableGroupProjectReferences": [
            {"name": "churn", "projectReference": {"id": project, "name": "churn"}}
        ],
    }
    made = owner.ask("POST", f"{DEVOPS}/contoso/{groups}?api-version=7.1", body)
    assert made.body["variables"] == {"a": plain, "b": {"value": None, "isSecret": True}}
    exists = owner.ask("POST", f"{DEVOPS}/contoso/{groups}", body)
    assert (exists.status, exists.body["typeKey"]) == (409, "VariableGroupExistsException")
    body["variables"] = {"a": {"value": "2"}, "b": {"value": None, "isSecret": True}}
    assert owner.ask("PUT", f"{DEVOPS}/contoso/{groups}/1", body).status == 200
    assert standin.world.variable_groups[1].variables == {"a": {"value": "2"}, "b": secret}
    listed = owner.ask("GET", f"{DEVOPS}/contoso/churn/{groups}?groupName=CH*").body
    assert [one["id"] for one in listed["value"]] == [1]
    assert owner.ask("GET", f"{DEVOPS}/contoso/churn/{groups}?groupName=x").body["count"] == 0
    use = f"{DEVOPS}/contoso/churn/_apis/pipelines/pipelinepermissions/variablegroup/1"
    assert "allPipelines" not in owner.ask("GET", use).body
    allowed = owner.ask("PATCH", use, {"allPipelines": {"authorized": True}}).body
    assert allowed["allPipelines"]["authorized"] and standin.world.variable_groups[1].authorized
    assert owner.ask("GET", f"{DEVOPS}/contoso/_apis/projects/none").status == 404
    for broken in ({**body, "variables": {}}, {**body, "variableGroupProjectReferences": []}):
        assert owner.ask("PUT", f"{DEVOPS}/contoso/{groups}/1", broken).status == 400


def test_who_is_not_known_to_azure_devops_gets_a_page(owner: Caller, standin: StandIn) -> None:
    standin.world.add_project("contoso", "churn")
    url = f"{DEVOPS}/contoso/_apis/projects/churn"
    token = owner.token(ARM)  # not one of Azure DevOps
    page = owner.send("GET", url, Authorization=f"Bearer {token}")
    assert page.status == 203 and b"Sign In" in page.body
    assert owner.ask("GET", url).body["name"] == "churn"
    standin.world.strangers.add(standin.account.administrator.object_id)
    assert "TF400813" in owner.ask("GET", url).body["message"]
