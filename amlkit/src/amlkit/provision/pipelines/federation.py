"""No secret: a service connection by federation, and the application's federated credentials.

Shapes: serviceEndpoint/7.1 of MicrosoftDocs/vsts-rest-api-specs (its scheme
WorkloadIdentityFederation as in microsoft/terraform-provider-azuredevops), and
federatedIdentityCredential of Microsoft Graph.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from amlkit.provision.facts import GRAPH
from amlkit.provision.pipelines.table import Call, Row
from amlkit.provision.placeholders import Facts, fact, filled, known
from amlkit.provision.records import Refused

AUDIENCE = "api://AzureADTokenExchange"
GITHUB_ISSUER = "https://token.actions.githubusercontent.com"
_ENDPOINTS = "_apis/serviceendpoint/endpoints"
_VERSION = "api-version=7.1"


def service_connection(name: str) -> Row:
    """The connection that pipelines sign in by; Azure DevOps names its issuer and subject."""
    body = {
        "name": name,
        "type": "AzureRM",
        "url": "https://management.azure.com/",
        "authorization": {
            "scheme": "WorkloadIdentityFederation",
            "parameters": {"tenantid": fact("tenant"), "serviceprincipalid": fact("client")},
        },
        "data": {
            "environment": "AzureCloud",
            "scopeLevel": "Subscription",
            "subscriptionId": fact("subscription"),
            "subscriptionName": fact("subscription_name"),
            "creationMode": "Manual",
        },
        "isShared": False,
        "isReady": True,
        "serviceEndpointProjectReferences": [
            {
                "name": name,
                "description": "",
                "projectReference": {"id": fact("project"), "name": fact("project_name")},
            }
        ],
    }

    def pick(answer: Any, facts: Facts) -> Any:
        for each in answer["value"]:
            if each["name"].lower() != name.lower():
                continue
            given = each.get("authorization") or {}
            if given.get("scheme") != "WorkloadIdentityFederation":
                raise Refused(
                    f"the service connection {name} is not one by federation: give"
                    " serviceConnection in pipelines/variables.yml another name",
                    code=2,
                )
            client = (given.get("parameters") or {}).get("serviceprincipalid", "")
            if client.lower() != str(facts["client"]).lower():
                raise Refused(
                    f"the service connection {name} signs in as {client}, not as the service"
                    f" principal {facts['client']}: give serviceConnection another name",
                    code=2,
                )
            return each
        return None

    def learns(found: Any) -> Facts:
        given = found["authorization"]["parameters"]
        issuer = given.get("workloadIdentityFederationIssuer")
        subject = given.get("workloadIdentityFederationSubject")
        if not (issuer and subject):
            raise Refused(
                f"Azure DevOps does not tell issuer and subject of the service connection {name}"
                " yet: run this again in a minute"
            )
        return {"connection": found["id"], "issuer": issuer, "subject": subject}

    return Row(
        key="service_connection",
        title=f"service connection {name}, by federation",
        look=Call(
            "get",
            f"{fact('organization')}/{fact('project')}/{_ENDPOINTS}",
            (_VERSION, f"endpointNames={name}", "includeDetails=true"),
        ),
        pick=pick,
        make=Call("post", f"{fact('organization')}/{_ENDPOINTS}", (_VERSION,), body),
        learns=learns,
        read_back=True,
    )


def subscription(subscription_id: str) -> Row:
    """The subscription's name, which a connection shows."""
    url = f"https://management.azure.com/subscriptions/{subscription_id}"
    return Row(
        key="subscription",
        title=f"subscription {subscription_id}",
        look=Call("get", url, ("api-version=2022-12-01",)),
        pick=lambda answer, facts: answer,
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
        there = (answer or {}).get("value") or []
        same = [each for each in there if _trusted(each) == filled([issuer, subject], facts)]
        # One of our name that trusts another: of a connection made anew, a renamed repository.
        return next(iter([*same, *(each for each in there if each["name"] == body["name"])]), None)

    def change(found: Any, facts: Facts) -> Call | None:
        now = {key: body[key] for key in ("issuer", "subject", "audiences")}
        if {key: found.get(key) for key in now} == filled(now, facts):
            return None
        return Call("patch", f"{place}/{found['id']}", (), now)

    return Row(
        key=f"federated_credential {body['name']}",
        title=f"federated credential for {title}",
        look=Call("get", place),
        pick=pick,
        make=Call("post", place, (), body),
        change=change,
        advice="it takes an owner of the application, or Application Administrator",
    )


def _trusted(credential: Mapping[str, Any]) -> list[str]:
    """Whose tokens it takes."""
    return [credential["issuer"], credential["subject"]]


def _named(name: str) -> str:
    """A name as Entra allows it, at most 120 characters; what is cut off is told by a hash."""
    plain = re.sub(r"[^A-Za-z0-9-]+", "-", name).strip("-")
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return plain if len(plain) <= 120 else f"{plain[:111]}-{digest}"
