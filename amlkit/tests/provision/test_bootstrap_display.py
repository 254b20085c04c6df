"""What a person sees while the bootstrap works: a moving line on a terminal, few lines in a log."""

from __future__ import annotations

import io
import sys
import time

import pytest

from amlkit.provision.cloud.waits import countdown
from amlkit.provision.display import elapsed


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """See the class."""
        return True


def test_a_log_gets_one_line_for_each_step(capsys: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    with elapsed("workspace w", said.append):
        pass
    assert said == ["  made: workspace w (0 s)"]
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_a_terminal_shows_how_long_it_takes_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    with elapsed("workspace w", lambda line: None):
        time.sleep(1.3)
    assert "workspace w … 1 s" in sys.stderr.getvalue()  # type: ignore[attr-defined]


@pytest.mark.slow
def test_a_countdown_has_the_line_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    with elapsed("workspace w", lambda line: None):
        countdown(1.3, "not ready yet", lambda line: None)
        shown = sys.stderr.getvalue()  # type: ignore[attr-defined]
    assert "not ready yet: waiting 1 s" in shown
    assert "workspace w" not in shown


def test_what_failed_is_not_said_to_be_made() -> None:
    said: list[str] = []
    with pytest.raises(KeyboardInterrupt), elapsed("workspace w", said.append):
        raise KeyboardInterrupt
    assert said == []
