"""Every way in which `az` fails is told from the others. The texts are what az 2.91 prints."""

from __future__ import annotations

import pytest

from amlkit.provision.cloud.failures import Kind, classify

ARM = "ERROR: ({code}) {message}\nCode: {code}\nMessage: {message}"
REST = "ERROR: {reason}({body})"
GUID = "01234567-89ab-cdef-0123-456789abcdef"

SAID = [
    (Kind.NOT_LOGGED_IN, 1, "ERROR: Please run 'az login' to setup account."),
    (
        Kind.EXPIRED,
        1,
        "ERROR: AADSTS700082: The refresh token has expired due to inactivity. The token was issued"
        " on 2026-01-05T11:50:24Z and was inactive for 90.00:00:00. Trace ID: d580793e Correlation"
        " ID: 37ed27a4 Timestamp: 2026-07-04 10:28:43Z\nInteractive authentication is needed."
        " Please run:\naz login --scope https://management.core.windows.net//.default",
    ),
    (
        Kind.EXPIRED,
        1,
        ARM.format(
            code="ExpiredAuthenticationToken",
            message="The access token expiry UTC time '7/4/2026 10:28:43 AM' is earlier than"
            " current UTC time '7/4/2026 11:28:43 AM'.",
        ),
    ),
    (
        Kind.WRONG_SUBSCRIPTION,
        1,
        f"ERROR: Subscription '{GUID}' not found. Check the spelling and casing and try again.",
    ),
    (
        Kind.FORBIDDEN,
        1,
        ARM.format(
            code="AuthorizationFailed",
            message=f"The client 'ada@example.com' with object id '{GUID}' does not have"
            " authorization to perform action 'Microsoft.Resources/subscriptions/resourcegroups/"
            f"write' over scope '/subscriptions/{GUID}/resourcegroups/rg' or the scope is invalid.",
        ),
    ),
    (Kind.FORBIDDEN, 1, "ERROR: Insufficient privileges to complete the operation."),
    (
        Kind.POLICY,
        1,
        ARM.format(
            code="RequestDisallowedByPolicy",
            message="Resource 'rg' was disallowed by policy. Policy identifiers: '[{\"x\": 1}]'.",
        ),
    ),
    (
        Kind.POLICY,
        1,
        REST.format(
            reason="Bad Request",
            body='{"error":{"code":"CredentialInvalidLifetimeAsPerAppPolicy","message":"Credential'
            ' lifetime exceeds the max value allowed as per assigned policy"}}',
        ),
    ),
    (
        Kind.NOT_FOUND,
        3,
        ARM.format(
            code="ResourceGroupNotFound", message="Resource group 'quota-1' could not be found."
        ),
    ),
    (
        Kind.NOT_FOUND,
        1,
        f"ERROR: Resource '{GUID}' does not exist or one of its queried reference-property objects"
        " are not present.",
    ),
    (
        Kind.NOT_FOUND,
        1,
        REST.format(
            reason="Not Found",
            body='{"$id":"1","innerException":null,"message":"TF200016: The following project does'
            ' not exist: soft-deleted. Verify that the name of the project is correct.","typeName":'
            '"Microsoft.TeamFoundation.Core.WebApi.ProjectDoesNotExistWithNameException",'
            '"typeKey":"ProjectDoesNotExistWithNameException","errorCode":0,"eventId":3000}',
        ),
    ),
    (
        Kind.NAME_TAKEN,
        1,
        ARM.format(
            code="StorageAccountAlreadyTaken",
            message="The storage account named penguins is already taken.",
        ),
    ),
    (
        Kind.CONFLICT,
        1,
        "ERROR: Another object with the same value for property identifierUris already exists.",
    ),
    (
        Kind.SOFT_DELETED,
        1,
        ARM.format(
            code="BadRequest",
            message="Soft-deleted workspace exists. Please purge or recover it."
            " https://aka.ms/wsoftdelete",
        ),
    ),
    (
        Kind.SOFT_DELETED,
        1,
        ARM.format(
            code="ConflictError",
            message="A vault with the same name already exists in deleted state. You need to either"
            " recover or purge existing key vault.",
        ),
    ),
    (
        Kind.NOT_FOUND,
        1,
        ARM.format(
            code="DeletedVaultNotFound",
            message="The specified deleted vault 'kv-penguins' does not exist.",
        ),
    ),
    (
        Kind.QUOTA,
        1,
        ARM.format(
            code="OperationNotAllowed",
            message="Operation could not be completed as it results in exceeding approved"
            " standardDSv2Family Cores quota.",
        ),
    ),
    (
        Kind.NOT_REGISTERED,
        1,
        ARM.format(
            code="MissingSubscriptionRegistration",
            message="The subscription is not registered to use namespace 'Microsoft.Storage'.",
        ),
    ),
    (
        Kind.PRINCIPAL_UNKNOWN,
        1,
        ARM.format(
            code="PrincipalNotFound",
            message="Principal 0123456789abcdef does not exist in the directory fedcba98.",
        ),
    ),
    (
        Kind.THROTTLED,
        1,
        REST.format(
            reason="Too Many Requests",
            body='{"error":{"code":"TooManyRequests","message":"Slow down."}}',
        ),
    ),
    (Kind.UNAVAILABLE, 1, REST.format(reason="Service Unavailable", body="{not json")),
    (
        Kind.TIMEOUT,
        1,
        "ERROR: HTTPSConnectionPool(host='graph.microsoft.com', port=443): Read timed out.",
    ),
    (
        Kind.NETWORK,
        1,
        "ERROR: The command failed with an unexpected error. Here is the traceback:\nERROR:"
        " HTTPSConnectionPool(host='dev.azure.com', port=443): Max retries exceeded with url: /x"
        " (Caused by NewConnectionError(\"Failed to establish a new connection: [Errno 111]\"))\n"
        'Traceback (most recent call last):\n  File "sessions.py", line 784, in send\n'
        "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='dev.azure.com', port=443):"
        " Max retries exceeded with url: /x",
    ),
    (
        Kind.CRASHED,
        1,
        "ERROR: The command failed with an unexpected error. Here is the traceback:\nERROR:"
        ' list index out of range\nTraceback (most recent call last):\n  File "cli.py", line 233\n'
        "IndexError: list index out of range",
    ),
    (Kind.INTERRUPTED, 1, ""),
    (Kind.INVALID, 2, "ERROR: unrecognized arguments: --nmae x\n\nhttps://aka.ms/cli_ref"),
    (Kind.MISSING_EXTENSION, 2, "ERROR: 'ml' is misspelled or not recognized by the system."),
    (Kind.OLD_AZ, 2, "ERROR: 'rest' is misspelled or not recognized by the system."),
    (Kind.OTHER, 1, "ERROR: Something that nobody has seen yet."),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "exit_code", "stderr"), SAID, ids=[s[0].name for s in SAID])
def test_what_az_prints_is_told_apart(kind: Kind, exit_code: int, stderr: str) -> None:
    found, code, message = classify(exit_code, stderr)
    assert found is kind
    assert message
    assert "\n" not in message
    assert "Trace ID" not in message
    assert not message.startswith(("ERROR", f"({code})"))


def test_the_services_own_code_is_kept() -> None:
    assert classify(1, SAID[4][2])[1] == "AuthorizationFailed"
    assert classify(1, SAID[1][2])[1] == "AADSTS700082"
    not_found = next(said for kind, _, said in SAID if "ProjectDoesNotExist" in said)
    _, code, message = classify(1, not_found)
    assert code == "ProjectDoesNotExistWithNameException"
    assert message.startswith("TF200016: The following project does not exist")


def test_a_crash_is_told_by_its_last_line_alone() -> None:
    crash = next(said for kind, _, said in SAID if kind is Kind.CRASHED)
    assert classify(1, crash)[2] == "IndexError: list index out of range"


def test_warnings_before_the_error_do_not_count() -> None:
    noise = "WARNING: the quota API is in preview\n"
    assert classify(1, noise + SAID[0][2])[0] is Kind.NOT_LOGGED_IN


def test_no_token_gets_into_a_message() -> None:
    token = "eyJhbGciOiJub25lIn0.eyJhdWQiOiJ4In0.c2ln"
    assert token not in classify(1, f"ERROR: (Odd) bearer {token} refused")[2]


def test_every_kind_says_what_to_do_in_one_line() -> None:
    for kind in Kind:
        assert 10 < len(kind.advice) < 250
        assert "\n" not in kind.advice
