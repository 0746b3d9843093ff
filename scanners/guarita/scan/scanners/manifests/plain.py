"""Manifests as they stand in the tree: each by itself, then all of them together."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from guarita.policy.gate.coverage import FileStatus
from guarita.scan.interface import SCANNED, Outcome, ScanJob, TreeFile
from guarita.scan.scanners.checkov import Engine, ask_about, ask_together
from guarita.scan.scanners.manifests.claims import has_expressions, is_template, may_hold_objects

NOT_A_MANIFEST = Outcome(
    status=FileStatus.EXCLUDED, rule="not-a-manifest", reason="it holds no Kubernetes object"
)
TEMPLATE = Outcome(
    status=FileStatus.NO_TOOL,
    reason="manifests: a template outside a chart; nobody here knows what fills it in",
)


@dataclass
class Plain:
    """What came of the files that were judged as they stand."""

    answers: list[dict[str, Any]] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    fragments: set[str] = field(default_factory=set)
    """Files of which a part is judged only through the kustomizations that patch with it."""


def unparseable(reason: str) -> Outcome:
    """The outcome of a file that this scanner could not judge."""
    return Outcome(status=FileStatus.UNPARSEABLE, reason=f"manifests: {reason}")


def judge(engine: Engine, job: ScanJob, files: Iterable[TreeFile], patches: Collection[str]) -> Plain:
    """Judge the files; of those whose path is in `patches`, what could not be applied as it stands is left out.

    Raises ScannerError when the engine is missing, does not start, or cannot judge all of them together.
    """
    plain = Plain()
    together: list[dict[str, Any]] = []
    for file in files:
        content = file.read()
        early = _without_engine(file, content)
        if early is not None:
            plain.outcomes[file.path] = early
        else:
            answer = ask_about(engine, job, file, op="manifest", fragments=file.path in patches)
            together += answer.get("together", ())
            plain.answers += answer.get("findings", ())
            plain.outcomes[file.path] = _outcome(file, content, answer)
            if answer.get("fragments"):
                plain.fragments.add(file.path)
        job.advance(1)
    plain.answers += ask_together(engine, job, together)
    return plain


def _without_engine(file: TreeFile, content: bytes) -> Outcome | None:
    if is_template(file) and has_expressions(content):
        named = file.suffix in {".tpl", ".gotmpl"} and ".y" not in file.name
        return NOT_A_MANIFEST if named and b"apiVersion" not in content else TEMPLATE
    return None if may_hold_objects(file, content) else NOT_A_MANIFEST


def _outcome(file: TreeFile, content: bytes, answer: dict[str, Any]) -> Outcome:
    if "error" in answer:
        # What is no JSON and names no object is not applied by anyone: a configuration with comments, a fixture.
        lenient = file.suffix == ".json" and b"apiVersion" not in content and not answer.get("resources")
        lenient = lenient or (
            is_template(file) and file.suffix in {".tpl", ".gotmpl"} and b"apiVersion" not in content
        )
        return NOT_A_MANIFEST if lenient else unparseable(answer["error"])
    return SCANNED if answer["resources"] or answer["fragments"] else NOT_A_MANIFEST
