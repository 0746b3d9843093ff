"""Terraform: its files linked into a tree of their own, and judged there as a whole."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from guarita.policy.gate.coverage import FileStatus
from guarita.scan.interface import SCANNED, Outcome, ScanJob, ScannerError, TreeFile
from guarita.scan.scanners.checkov import Engine

VALUES = re.compile(r"\.tfvars(\.json)?$", re.IGNORECASE)
LOADED = re.compile(r"(^|/)terraform\.tfvars(\.json)?$|\.auto\.tfvars(\.json)?$", re.IGNORECASE)
"""Values that Terraform loads by itself; others are given on the command line, so each makes its own run."""
FIX = "Vendor the module into the tree, or judge it where it is kept and waive this finding by name."


def judge(
    engine: Engine, job: ScanJob, files: Sequence[TreeFile]
) -> tuple[list[dict[str, Any]], dict[str, Outcome]]:
    """Judge all Terraform files, once as they are and once with each set of values that is not loaded.

    Raises ScannerError when the engine ends: nothing is known then about any of them.
    """
    root = job.snapshot.root
    sets = sorted({file.name for file in files if VALUES.search(file.path) and not LOADED.search(file.path)})
    by_place = {str(file.staged.relative_to(root)): file for file in files}
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    errors: dict[str, str] = {}
    for number, name in enumerate(["", *sets]):
        tree = job.scratch / f"terraform-{number}"
        places = _link(tree, by_place, name)
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
                item["key"] = str(file.staged)
                item.setdefault("fix", FIX if item["rule"].startswith("GUARITA") else "")
                item["detail"] = item.get("detail") or _instances(item)
                found.setdefault((item["rule"], item["key"], item["resource"]), item)
        for place, reason in answer["errors"].items():
            if file := places.get(place):
                errors.setdefault(file.path, reason)
        if problems := answer["problems"]:
            # checkov left something out and says not where: nobody vouches for any of these files.
            errors.update({file.path: f"checkov: {problems[0]}" for file in files if file.path not in errors})
    outcomes = {
        file.path: Outcome(status=FileStatus.UNPARSEABLE, reason=f"infrastructure: {errors[file.path]}")
        if file.path in errors
        else SCANNED
        for file in files
    }
    return list(found.values()), outcomes


def _link(tree: Path, by_place: Mapping[str, TreeFile], chosen: str) -> dict[str, TreeFile]:
    """Link the files into `tree`, with the values called `chosen` renamed so that they are loaded."""
    places: dict[str, TreeFile] = {}
    for place, file in by_place.items():
        target = place
        if VALUES.search(place) and not LOADED.search(place):
            stem = VALUES.sub("", place)
            ending = place[len(stem) :]
            target = (
                f"{stem}.zz-chosen.auto{ending}" if file.name == chosen else f"{stem}.unused.auto-not{ending}"
            )
        places[target] = file
        (tree / target).parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(file.staged, tree / target)
        except OSError:
            shutil.copyfile(file.staged, tree / target)
    tree.mkdir(exist_ok=True)
    return places


def _instances(item: Mapping[str, Any]) -> str:
    instances = item.get("instances") or []
    return f"in {', '.join(instances[:3])}{' and others' if len(instances) > 3 else ''}" if instances else ""  # noqa: PLR2004  # enough to show
