"""Texts without secrets: what SDKs say of an address or a token is not for logs."""

from __future__ import annotations

import re

_SIGNATURE = re.compile(r"\b(sig|skoid|sktid|client_secret)=[^&\s\"'<>]+", re.IGNORECASE)
_TOKEN = re.compile(r"\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?")
_KEY = re.compile(r"\b(AccountKey|SharedAccessKey|Bearer)([=: ]+)[A-Za-z0-9+/_-]{20,}={0,2}")


def without_secrets(text: str) -> str:
    """The text, its signatures, tokens and keys left out."""
    text = _TOKEN.sub("<token>", _SIGNATURE.sub(r"\1=<secret>", text))
    return _KEY.sub(r"\1\2<secret>", text)
