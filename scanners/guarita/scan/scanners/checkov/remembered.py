"""Questions to checkov's worker about one content, asked once: the answer is remembered by what it hangs on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import msgspec

from guarita.scan.interface import ScanJob, ScannerError, TreeFile
from guarita.scan.scanners.checkov.client import Engine

Answer = dict[str, Any]


def ask_about(engine: Engine, job: ScanJob, file: TreeFile, **question: Any) -> Answer:
    """The worker's answer about a file, whose findings have the file's `place` as their `key`.

    Raises ScannerError as `Engine.ask`.
    """
    words = msgspec.json.encode(question, order="deterministic")
    key = job.results.key("engine", file.place, file.digest, words)
    known = job.results.get(key, Answer)
    if known is not None:
        return known
    answer = engine.ask({**question, "path": str(file.on_disk()), "key": file.place})
    if is_certain(answer):
        job.results.put(key, answer)
    return answer


def ask_together(engine: Engine, job: ScanJob, objects: Iterable[Answer]) -> list[Answer]:
    """The findings over several objects, as `manifest` answers give them in `together`, area by area.

    Raises ScannerError where that failed.
    """
    areas: defaultdict[str, list[Answer]] = defaultdict(list)
    for item in objects:
        areas[item["area"]].append(item)
    findings: list[Answer] = []
    for area in areas.values():
        key = job.results.key("together", msgspec.json.encode(area))
        answer = job.results.get(key, Answer)
        if answer is None:
            answer = engine.ask({"op": "graph", "objects": area}, timeout=job.remaining)
            if "error" in answer:
                raise ScannerError(
                    "scanner.crashed",
                    f"manifests: the checks over several objects: {answer['error']}",
                    hint="see `guarita tools list`, then run the scan again",
                )
            job.results.put(key, answer)
        findings += answer["findings"]
    return findings


def is_certain(answer: Answer) -> bool:
    """Whether an answer leaves nothing open."""
    return "error" not in answer and not answer.get("problems")
