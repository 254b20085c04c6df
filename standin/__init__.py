"""A double of Azure on loopback, for unmodified clients. Start at `standin.py`."""

from .standin import StandIn

__all__ = ["StandIn"]
