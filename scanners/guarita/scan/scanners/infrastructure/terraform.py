"""Terraform: its files put into a tree of their own and judged there; the answer told apart by part."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from guarita.policy.gate.coverage import FileStatus
from guarita.scan.interface import SCANNED, Outcome, ScanJob, ScannerError, TreeFile
from guarita.scan.scanners.checkov import Engine
from guarita.scan.scanners.infrastructure.components import components

VALUES = re.compile(r"\.tfvars(\.json)?$", re.IGNORECASE)
LOADED = re.compile(r"(^|/)terraform\.tfvars(\.json)?$|\.auto\.tfvars(\.json)?$", re.IGNORECASE)
"""Values that Terraform loads by itself; others are given on the command line, so each makes its own run."""
FIX = "Vendor the module into the tree, or judge it where it is kept and waive this finding by name."


class _Part(msgspec.Struct):
    """What came of the files of one part, by place."""

    answers: list[dict[str, Any]]
    errors: dict[str, str]


def judge(
    engine: Engine, job: ScanJob, files: Sequence[TreeFile]
) -> tuple[list[dict[str, Any]], dict[str, Outcome]]:
    """Judge all Terraform files: those of parts that are not known yet in one run, which tells parts apart.

    Raises ScannerError when the engine ends: nothing is known then about any of them.
    """
    parts: list[_Part] = []
    left: dict[bytes, list[TreeFile]] = {}
    for inside in components(files):
        facts = [fact for file in inside for fact in (file.path, file.digest)]
        key = job.results.key("terraform", *facts)
        known = job.results.get(key, _Part)
        if known is None:
            left[key or str(len(left)).encode()] = inside
        else:
            parts.append(known)
    if left:
        judged = _judge(engine, job, [file for inside in left.values() for file in inside])
        for key, inside in left.items():
            places = {file.place for file in inside}
            part = _Part(
                [item for item in judged.answers if item["key"] in places],
                {place: reason for place, reason in judged.errors.items() if place in places},
            )
            parts.append(part)
            if not part.errors:
                job.results.put(key, part)
    errors = {place: reason for part in parts for place, reason in part.errors.items()}
    outcomes = {
        file.path: Outcome(status=FileStatus.UNPARSEABLE, reason=f"infrastructure: {errors[file.place]}")
        if file.place in errors
        else SCANNED
        for file in files
    }
    return [item for part in parts for item in part.answers], outcomes


def _judge(engine: Engine, job: ScanJob, files: Sequence[TreeFile]) -> _Part:
    """Judge files in one tree, once as they are and once with each set of values that is not loaded."""
    sets = sorted({file.name for file in files if VALUES.search(file.path) and not LOADED.search(file.path)})
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    errors: dict[str, str] = {}
    for number, name in enumerate(["", *sets]):
        tree = job.scratch / f"terraform-{number}"
        places = _link(tree, files, name)
        answer = engine.ask({"op": "terraform", "root": str(tree)}, timeout=job.remaining)
        shutil.rmtree(tree)
        if "error" in answer:
            raise ScannerError(
                "scanner.crashed",
                f"infrastructure: Terraform: {answer['error']}",
                hint="see `guarita tools list`, then run the scan again",
            )
        for item in answer["findings"]:
            if file := places.get(item["key"]):
                item["key"] = file.place
                item.setdefault("fix", FIX if item["rule"].startswith("GUARITA") else "")
                item["detail"] = item.get("detail") or _instances(item)
                found.setdefault((item["rule"], item["key"], item["resource"]), item)
        for place, reason in answer["errors"].items():
            if file := places.get(place):
                errors.setdefault(file.place, reason)
        if problems := answer["problems"]:
            # checkov left something out and says not where: nobody vouches for any of these files.
            errors.update(
                {file.place: f"checkov: {problems[0]}" for file in files if file.place not in errors}
            )
    return _Part(list(found.values()), errors)


def _link(tree: Path, files: Sequence[TreeFile], chosen: str) -> dict[str, TreeFile]:
    """Link the files into `tree`, with the values called `chosen` renamed so that they are loaded."""
    places: dict[str, TreeFile] = {}
    for file in files:
        place = target = file.place
        if VALUES.search(place) and not LOADED.search(place):
            stem = VALUES.sub("", place)
            ending = place[len(stem) :]
            target = (
                f"{stem}.zz-chosen.auto{ending}" if file.name == chosen else f"{stem}.unused.auto-not{ending}"
            )
        places[target] = file
        (tree / target).parent.mkdir(parents=True, exist_ok=True)
        file.copy_to(tree / target)
    tree.mkdir(exist_ok=True)
    return places


def _instances(item: Mapping[str, Any]) -> str:
    instances = item.get("instances") or []
    return f"in {', '.join(instances[:3])}{' and others' if len(instances) > 3 else ''}" if instances else ""  # noqa: PLR2004  # enough to show
