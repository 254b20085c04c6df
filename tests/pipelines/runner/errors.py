"""What the runner refuses: an invalid pipeline, and what it does not know."""

from __future__ import annotations


class PipelineError(ValueError):
    """The service would refuse this file, or this run."""


class ExpressionError(PipelineError):
    """An expression that cannot be read or evaluated."""


class NotPlayed(PipelineError):
    """A construct, function, task or key that the runner does not know: never passed over."""


class StepFailed(Exception):
    """A step that did not succeed; the text says why."""
