"""Documents read in a process of its own: one JSON request a line names a file, one JSON answer a line.

Started with `-I`, so that nothing in the current folder or the environment is imported. What a hostile
document can reach is this process: its memory is bounded here, its time by whoever waits for the answer.
"""

from __future__ import annotations

import logging
import os
import resource
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from guarita.pii import Detector, DocumentError, Located, Source, inspect
from guarita.pii.entities import title

MEMORY = 1536 * 1024**2
"""Bytes of address space. A document that makes a library want more is refused."""
MOST = 20_000
"""Findings in one file; more say nothing new, and the first of them are the first in the document."""


class Request(msgspec.Struct):
    """One document to read, or none: then the answer says that the worker is up."""

    path: str = ""
    name: str = ""
    """Its own name; the staged copy may have another."""


def main() -> None:
    """Answer requests until stdin ends."""
    detector = Detector()
    detector.load()
    _bound()
    answers = os.fdopen(os.dup(1), "wb")
    # Whatever a library prints may be a piece of the document: it goes nowhere.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    for line in sys.stdin.buffer:
        request = msgspec.json.decode(line, type=Request)
        answer = read(detector, request) if request.path else {"ready": True}
        answers.write(msgspec.json.encode(answer) + b"\n")
        answers.flush()


def read(detector: Detector, request: Request) -> dict[str, Any]:
    """Inspect one document: `findings`, and `error` with its `code` where it was not read to its end."""
    findings: list[dict[str, Any]] = []
    try:
        for located in _bounded(inspect(Source(request.name, Path(request.path)), detector)):
            findings.append(_finding(located))  # noqa: PERF401  # what came before a refusal is kept
    except DocumentError as error:
        return {"findings": findings, "code": error.code, "error": error.message}
    except MemoryError:
        findings.clear()
        return {"code": "document.too-large", "error": "reading it takes more memory than is allowed"}
    except RecursionError:
        return {"findings": findings, "code": "document.too-deep", "error": "it is nested too deeply"}
    except Exception as error:  # noqa: BLE001  # a library's fault on a hostile document: named by type, its text may quote the content
        message = f"reading it failed ({type(error).__name__})"
        return {"findings": findings, "code": "document.damaged", "error": message}
    return {"findings": findings}


def _bounded(found: Iterator[Located]) -> Iterator[Located]:
    for number, located in enumerate(found, start=1):
        if number > MOST:
            raise DocumentError(
                "document.too-large", f"it holds more than {MOST} data, of which the first are reported"
            )
        yield located


def _finding(located: Located) -> dict[str, Any]:
    detection, place = located.detection, located.place
    return {
        "rule": detection.entity,
        "what": title(detection.entity),
        "line": place.line,
        "column": place.column,
        "label": place.label,
        "anchor": located.anchor,
        "confidence": detection.confidence,
        "reasons": detection.reasons,
        "suspect": detection.suspect,
        "length": detection.end - detection.start,
    }


def _bound() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")


if __name__ == "__main__":
    main()
