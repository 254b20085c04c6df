"""What a driver says to the system that runs it: outputs, a summary, masked secrets, harmless logs.

It knows Azure Pipelines and GitHub Actions. `python -m amlkit.ci.check` is a command of its own.
"""

from amlkit.ci.guard import Guard as Guard
from amlkit.ci.guard import plain_json as plain_json
from amlkit.ci.guard import step as step

__all__ = ["Guard", "plain_json", "step"]
