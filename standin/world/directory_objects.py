"""What Microsoft Graph shows of an application and of a service principal; its filters."""

from __future__ import annotations

import datetime
import re
import uuid

from ..routing import AzureError, Json


def moment(when: datetime.datetime | None = None) -> str:
    """A moment (now by default) as Graph writes it."""
    return (when or datetime.datetime.now(datetime.UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


def context(kind: str) -> str:
    """The address of the metadata that an answer belongs to."""
    return f"https://graph.microsoft.com/v1.0/$metadata#{kind}"


def _shared() -> Json:
    """What both kinds of object have."""
    nothing = (
        "deletedDateTime", "applicationTemplateId", "disabledByMicrosoftStatus", "description",
        "notes", "tokenEncryptionKeyId",
    )  # fmt: skip
    links = ("logoUrl", "marketingUrl", "privacyStatementUrl", "supportUrl", "termsOfServiceUrl")
    publisher = ("displayName", "verifiedPublisherId", "addedDateTime")
    return {
        "id": str(uuid.uuid4()),
        "createdDateTime": moment(),
        "tags": [],
        "addIns": [],
        "appRoles": [],
        "keyCredentials": [],
        "passwordCredentials": [],
        "info": dict.fromkeys(links),
        "verifiedPublisher": dict.fromkeys(publisher),
        **dict.fromkeys(nothing),
    }


def application_body(wanted: Json) -> Json:
    """A new application with what was asked for."""
    nothing = (
        "groupMembershipClaims", "isDeviceOnlyAuthSupported", "isFallbackPublicClient",
        "nativeAuthenticationApisEnabled", "publisherDomain", "serviceManagementReference",
        "uniqueName", "samlMetadataUrl", "defaultRedirectUri", "certification", "optionalClaims",
        "servicePrincipalLockConfiguration", "requestSignatureVerification",
    )  # fmt: skip
    grants = {"enableAccessTokenIssuance": False, "enableIdTokenIssuance": False}
    return {
        **_shared(),
        **dict.fromkeys(nothing),
        "appId": str(uuid.uuid4()),
        "identifierUris": [],
        "signInAudience": "AzureADMyOrg",
        "api": {
            "acceptMappedClaims": None,
            "knownClientApplications": [],
            "requestedAccessTokenVersion": None,
            "oauth2PermissionScopes": [],
            "preAuthorizedApplications": [],
        },
        "parentalControlSettings": {
            "countriesBlockedForMinors": [],
            "legalAgeGroupRule": "Allow",
        },
        "publicClient": {"redirectUris": []},
        "requiredResourceAccess": [],
        "web": {
            "homePageUrl": None,
            "logoutUrl": None,
            "redirectUris": [],
            "implicitGrantSettings": grants,
            "redirectUriSettings": [],
        },
        "spa": {"redirectUris": []},
        **wanted,
    }


def service_principal_body(application: Json, tenant: str, number: str = "") -> Json:
    """The service principal of an application."""
    nothing = (
        "appDescription", "homepage", "loginUrl", "logoutUrl", "preferredSingleSignOnMode",
        "preferredTokenSigningKeyThumbprint", "samlSingleSignOnSettings",
    )  # fmt: skip
    empty = (
        "alternativeNames", "notificationEmailAddresses", "replyUrls", "oauth2PermissionScopes",
        "resourceSpecificApplicationPermissions",
    )  # fmt: skip
    return {
        **_shared(),
        **dict.fromkeys(nothing),
        **{name: [] for name in empty},
        **({"id": number} if number else {}),
        "accountEnabled": True,
        "appDisplayName": application["displayName"],
        "appId": application["appId"],
        "appOwnerOrganizationId": tenant,
        "appRoleAssignmentRequired": False,
        "displayName": application["displayName"],
        "servicePrincipalNames": [application["appId"]],
        "servicePrincipalType": "Application",
        "signInAudience": "AzureADMyOrg",
    }


_FILTERS = (
    re.compile(r"(?P<field>\w+) eq '(?P<value>(?:[^']|'')*)'"),
    re.compile(r"(?P<field>\w+)/any\(\w+:\w+ eq '(?P<value>(?:[^']|'')*)'\)"),
    re.compile(r"startswith\((?P<field>\w+),\s*'(?P<value>(?:[^']|'')*)'\)", re.I),
)


def matches(body: Json, expression: str) -> bool:
    """Whether an object fits a filter of the forms that `az` writes. AzureError 400 for others."""
    if not expression:
        return True
    equal, member, start = (one.fullmatch(expression) for one in _FILTERS)
    found = equal or member or start
    if found is None or found["field"] not in body:
        raise AzureError(
            400, "Request_UnsupportedQuery", f"Unsupported or invalid query filter: {expression}"
        )
    held, value = body[found["field"]], found["value"].replace("''", "'")
    if member:
        return value in held
    if start:
        return str(held or "").lower().startswith(value.lower())
    return str(held or "").lower() == value.lower()
