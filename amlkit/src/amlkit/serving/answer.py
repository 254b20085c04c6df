"""From an HTTP request to the answer: everything but the server itself.

Every request has an answer, and an error says in one line what to do about it: `{"message": …}`,
as the server's own errors do.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
import orjson

from amlkit.serving.body import rows_of
from amlkit.serving.predictor import CannotAnswer, Predictor
from amlkit.serving.rows import RowReader
from amlkit.serving.values import Refused, shown

log = logging.getLogger("azmlinfsrv.model")

LARGEST = 20 << 20  # bytes of a request
DRAINED = 200 << 20  # bytes read of one that is too large, so that its sender hears the answer
PATIENCE = 20.0  # seconds that this may take
_PIECE = 1 << 18


class Answer(NamedTuple):
    """Status, body and headers of a response."""

    status: int
    body: bytes
    headers: dict[str, str]


class Stream(Protocol):
    """The body of a request, read once."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes; none at the end."""
        ...


class Problem(Exception):
    """A request that has no answer but an error's: the status and one line."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Answerer:
    """Answers requests with one model. `name` and `version` are told with each answer."""

    def __init__(self, predictor: Predictor, name: str | None, version: str | None) -> None:
        self._predictor = predictor
        self._reader = RowReader(predictor.schema)
        self._model = {"name": name, "version": version}

    def answer(self, method: str, headers: Mapping[str, str], stream: Stream) -> Answer:
        """The answer to one request. `headers` must find a name in the case used here."""
        if method == "OPTIONS":
            return Answer(200, b"", {"Allow": "OPTIONS, POST"})
        try:
            body = self._body(method, headers, stream)
            return _json(200, self._scored(rows_of(body)))
        except Problem as problem:
            allow = {"Allow": "OPTIONS, POST"} if problem.status == 405 else {}
            return _json(problem.status, {"message": str(problem)}, allow)
        except Refused as error:
            return _json(400, {"message": str(error)})
        except CannotAnswer as error:
            log.warning("no answer to a request: %s", error, exc_info=error.__cause__)
            where = "" if error.row is None else f"data[{error.row}]: "
            return _json(422, {"message": f"{where}{error}"})

    def _body(self, method: str, headers: Mapping[str, str], stream: Stream) -> bytes:
        """The body, read to its end even where it is of no use: else its sender hears nothing."""
        encoding = headers.get("Content-Encoding", "").strip().lower()
        body = _read(stream)
        if method != "POST":
            raise Problem(405, f"{method} is not for /score; POST the rows as JSON")
        if encoding not in ("", "identity"):
            raise Problem(415, f"the body is encoded as {shown(encoding)}; send it plain, as JSON")
        if body is None:
            raise Problem(
                413, f"the request is larger than {LARGEST >> 20} MB; send the rows in parts"
            )
        return body

    def _scored(self, rows: Any) -> dict[str, Any]:
        prediction, probability = self._predictor.predict(self._reader.read(rows))
        said: dict[str, Any] = {"predictions": prediction.tolist()}
        if probability is not None:
            # As rows: scikit-learn's boosted trees give columns, which orjson refuses.
            said["probabilities"] = np.ascontiguousarray(probability)
            said["classes"] = self._predictor.classes
        return {**said, "model": self._model}


def _read(stream: Stream) -> bytes | None:
    """The whole body; None if it is too large, when the rest is read and forgotten."""
    pieces, size, until = [], 0, time.monotonic() + PATIENCE
    try:
        while piece := stream.read(_PIECE):
            size += len(piece)
            if size <= LARGEST:
                pieces.append(piece)
            else:
                pieces.clear()
                if size > DRAINED or time.monotonic() > until:
                    break
    except TimeoutError:
        raise  # the server's own limit for an answer
    except Exception as error:  # each server has its own for a sender that goes away or errs
        raise Problem(400, "the body ended before it was complete; send it again") from error
    return b"".join(pieces) if size <= LARGEST else None


def _json(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Answer:
    body = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
    return Answer(status, body, {"Content-Type": "application/json", **(headers or {})})
