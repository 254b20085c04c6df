"""No secret: a service connection by federation, and the application's federated credentials.

Shapes: serviceEndpoint/7.1 of MicrosoftDocs/vsts-rest-api-specs (its scheme
WorkloadIdentityFederation as in microsoft/terraform-provider-azuredevops), and
federatedIdentityCredential of Microsoft Graph.
"""

from __future__ import annotations

import re
from typing import Any

from amlkit.provision.cloud.client import Command, Pick, devops, part, rest
from amlkit.provision.cloud.facts import GRAPH
from amlkit.provision.cloud.failures import Refused
from amlkit.provision.cloud.placeholders import Facts, fact, filled, known
from amlkit.provision.pipelines.rows import Row, named
from amlkit.provision.plan.names import short_hash

AUDIENCE = "api://AzureADTokenExchange"
GITHUB_ISSUER = "https://token.actions.githubusercontent.com"
_ENDPOINTS = "_apis/serviceendpoint/endpoints"


def reference(name: str) -> dict[str, Any]:
    """What lets a project use something of the organization, under a name."""
    project = {"id": fact("project"), "name": fact("project_name")}
    return {"name": name, "description": "", "projectReference": project}


def service_connection(name: str) -> Row:
    """The connection that pipelines sign in by; Azure DevOps names its issuer and subject."""
    parameters = {"tenantid": fact("tenant"), "serviceprincipalid": fact("client")}
    body = {
        "name": name,
        "type": "AzureRM",
        "url": "https://management.azure.com/",
        "authorization": {"scheme": "WorkloadIdentityFederation", "parameters": parameters},
        "data": {
            "environment": "AzureCloud",
            "scopeLevel": "Subscription",
            "subscriptionId": fact("subscription"),
            "subscriptionName": fact("subscription_name"),
            "creationMode": "Manual",
        },
        "isShared": False,
        "isReady": True,
        "serviceEndpointProjectReferences": [reference(name)],
    }
    inside = f"{fact('organization')}/{fact('project')}/{_ENDPOINTS}"
    return Row(
        key="service_connection",
        title=f"service connection {name}, by federation",
        look=devops("get", inside, f"endpointNames={name}", "includeDetails=true"),
        pick=_federated(name),
        make=devops("post", f"{fact('organization')}/{_ENDPOINTS}", body=body),
        learns=lambda found: _trust(name, found),
        read_back=True,
    )


def _federated(name: str) -> Pick:
    """Picks the connection of a name; another kind or another principal is not replaced."""

    def pick(answer: Any, facts: Facts) -> Any:
        found = named(name)(answer, facts)
        if found is None:
            return None
        if part(found, "authorization", "scheme") != "WorkloadIdentityFederation":
            raise Refused(
                f"the service connection {name} is not one by federation: give serviceConnection in"
                " pipelines/variables.yml another name",
                code=2,
            )
        client = part(found, "authorization", "parameters", "serviceprincipalid") or ""
        if client.lower() != str(facts["client"]).lower():
            raise Refused(
                f"the service connection {name} signs in as {client}, not as the service principal"
                f" {facts['client']}: give serviceConnection another name",
                code=2,
            )
        return found

    return pick


def _trust(name: str, found: dict[str, Any]) -> Facts:
    """Whom Entra ID has to trust, letter by letter."""
    given = found["authorization"]["parameters"]
    issuer = given.get("workloadIdentityFederationIssuer")
    subject = given.get("workloadIdentityFederationSubject")
    if not (issuer and subject):
        raise Refused(
            f"Azure DevOps does not tell issuer and subject of the service connection {name} yet:"
            " run this again in a minute"
        )
    return {"connection": found["id"], "issuer": issuer, "subject": subject}


def subscription(subscription_id: str) -> Row:
    """The subscription's name, which a connection shows."""
    url = f"https://management.azure.com/subscriptions/{subscription_id}"
    return Row(
        key="subscription",
        title=f"subscription {subscription_id}",
        look=rest("get", url, "api-version=2022-12-01"),
        learns=lambda found: {
            "subscription": subscription_id,
            "subscription_name": found["displayName"],
            "tenant": found["tenantId"],
        },
        advice="`az account list -o table` shows those of this login",
    )


def credential_body(name: str, title: str, issuer: str, subject: str) -> dict[str, Any]:
    """A federated credential as Microsoft Graph takes it."""
    return {
        "name": _named(name),
        "issuer": issuer,
        "subject": subject,
        "audiences": [AUDIENCE],
        "description": title,
    }


def credential(name: str, title: str, issuer: str, subject: str) -> Row:
    """A federated credential of the application: whose tokens are taken for its own.

    Args:
        name: its name at the application, which nothing changes later.
        title: what it lets in.
        issuer: who signs the tokens.
        subject: whom they are about, letter by letter.
    """
    place = f"{GRAPH}/applications(appId='{fact('client')}')/federatedIdentityCredentials"
    body = credential_body(name, title, issuer, subject)

    def pick(answer: Any, facts: Facts) -> Any:
        if not known([issuer, subject], facts):
            return None
        there = part(answer, "value") or []
        trusted = filled([issuer, subject], facts)
        same = [each for each in there if [each["issuer"], each["subject"]] == trusted]
        # One of our name that trusts another: of a connection made anew, a renamed repository.
        return next(iter([*same, *(each for each in there if each["name"] == body["name"])]), None)

    def change(found: Any, facts: Facts) -> Command | None:
        now = {key: body[key] for key in ("issuer", "subject", "audiences")}
        if {key: found.get(key) for key in now} == filled(now, facts):
            return None
        return rest("patch", f"{place}/{found['id']}", body=now)

    return Row(
        key=f"federated_credential {body['name']}",
        title=f"federated credential for {title}",
        look=rest("get", place),
        pick=pick,
        make=rest("post", place, body=body),
        change=change,
        advice="it takes an owner of the application, or Application Administrator",
    )


def _named(name: str) -> str:
    """A name as Entra allows it, at most 120 characters; what is cut off is told by a hash."""
    plain = re.sub(r"[^A-Za-z0-9-]+", "-", name).strip("-")
    return plain if len(plain) <= 120 else f"{plain[:111]}-{short_hash(name)}"
