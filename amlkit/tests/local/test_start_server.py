"""The local server takes requests for this machine's own names, and JSON alone."""

from __future__ import annotations

import pytest

from amlkit.local.start_server import refused


@pytest.mark.parametrize(
    ("method", "host", "kind", "status"),
    [
        ("POST", "127.0.0.1:5001", "application/json", ""),
        ("POST", "localhost:5001", "application/json; charset=utf-8", ""),
        ("POST", "[::1]:5001", "application/json", ""),
        ("GET", "localhost", "", ""),
        ("GET", "[::1]", "", ""),
        ("POST", "attacker.example:5001", "application/json", "403"),
        ("GET", "127.0.0.1.nip.io", "", "403"),
        ("POST", "127.0.0.1:5001", "text/plain", "415"),
        ("POST", "127.0.0.1:5001", "application/x-www-form-urlencoded", "415"),
        ("POST", "127.0.0.1:5001", "", "415"),
    ],
)
def test_what_a_page_from_elsewhere_can_send_is_refused(
    method: str, host: str, kind: str, status: str
) -> None:
    said, words = refused({"REQUEST_METHOD": method, "HTTP_HOST": host, "CONTENT_TYPE": kind})
    assert said.split(" ")[0] == status
    assert bool(words) == bool(status)
