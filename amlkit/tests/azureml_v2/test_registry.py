"""What a registry refuses, in a line; how it is met for real is in `tests/parity`."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from amlkit.azureml_v2.registry import told
from amlkit.records import WorkError

HOST = "https://cert-westeurope.experiments.azureml.net/mferp"


class Refused(Exception):
    """An error as azure-core raises it: with the answer and what was asked."""

    def __init__(self, status: int, url: str) -> None:
        super().__init__("refused")
        request = SimpleNamespace(url=url)
        self.response = SimpleNamespace(status_code=status, request=request)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (HOST, "may not write: the role"),
        # MicrosoftDocs/azure-docs #115144: the registry lets in, its storage does not
        ("https://1de5.blob.core.windows.net/shared/m?sig=s", "closed to this network"),
    ],
)
def test_a_refusal_names_who_refuses(url: str, words: str) -> None:
    with pytest.raises(WorkError, match=words) as seen, told("may not write: the role", "shared"):
        try:
            raise Refused(403, url)
        except Refused as cause:
            raise RuntimeError("what the SDK made of it") from cause
    assert "sig=" not in str(seen.value)


def test_what_is_no_refusal_stays_what_it_is() -> None:
    with pytest.raises(Refused), told("may not write", "shared"):
        raise Refused(500, HOST)
