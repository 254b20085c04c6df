"""Progress on long work: on a terminal only, never in a log."""

from __future__ import annotations

from types import TracebackType
from typing import Any


class Progress:
    """A bar over bytes, on stderr; call it with (bytes done, bytes in all).

    Nothing is shown (or imported) for work below `SMALL` bytes.
    """

    SMALL = 20_000_000

    def __init__(self, what: str, total: int) -> None:
        self.bar: Any = None
        if total >= self.SMALL:
            from tqdm import tqdm

            # disable=None: off where stderr is no terminal
            self.bar = tqdm(
                desc=what, total=total, unit="B", unit_scale=True, leave=False, disable=None
            )

    def __enter__(self) -> Progress:
        return self

    def __call__(self, done: int, total: int) -> None:
        if self.bar is not None:
            self.bar.total = total
            self.bar.update(done - self.bar.n)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.bar is not None:
            self.bar.close()
