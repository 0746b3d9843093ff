"""Terraform: a folder tree of HCL, judged with its local modules; nothing is downloaded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from checkov.terraform import parser_utils, tf_parser
from checkov.terraform.module_loading import module_finder
from checkov.terraform.runner import Runner

from . import faster, suppress, witness

MODULE = re.compile(r"^(?:module\.[^.\[]+(?:\[[^\]]*\])?\.)+")
INDEX = re.compile(r"\[[^\]]*\]$")
USER = re.compile(r"://[^/@]*@")
"""A name and password in a URL, which nobody has to see."""
LOCAL = ("./", "../")
JUDGED = ("resource", "data", "module", "provider", "variable")
"""Blocks that checkov judges, or that decide what it sees. Others (`moved`, `import`) it may leave out."""
_dropped: list[str] = []
"""Files of which checkov left a block out since the last run."""


class _RemoteModule:
    """Not a check of checkov's: it says what a run without downloads leaves unjudged."""

    id = "GUARITA_TF_1"
    name = "A module from elsewhere is not judged"
    guideline = ""


def judge(request: dict[str, Any]) -> dict[str, Any]:
    """Judge all Terraform below `root`. Gives `findings`, and `errors` by path relative to it."""
    root = Path(request["root"])
    witness.reset()
    _dropped.clear()
    runner = Runner()
    report = runner.run(root_folder=str(root), runner_filter=witness.FILTER, collect_skip_comments=False)
    if isinstance(report, list):
        report = report[0]
    errors = {_relative(path, root): "it is not valid HCL" for path in report.parsing_errors}
    errors.update({_relative(path, root): "it holds a block that checkov leaves out" for path in _dropped})
    files = {*root.rglob("*.tf"), *root.rglob("*.hcl")}
    seen = {str(key.file_path) for key in runner.definitions or {}}
    for path in sorted(files):
        if str(path) not in seen and _says_something(path):
            errors.setdefault(_relative(str(path), root), "checkov did not take it up")
    problems = [*witness.lost(), *witness.raised]
    known = {str(path): suppress.comments(path) for path in files}
    findings = [*_findings(report, root, known), *_remote(runner, root, known)]
    return {"findings": findings, "errors": errors, "problems": problems}


def _findings(report: Any, root: Path, known: dict[str, suppress.Suppressions]) -> Iterator[dict[str, Any]]:
    merged: dict[tuple[str, str, str], dict[str, Any]] = {}
    for record in report.failed_checks:
        path = record.file_abs_path
        address = MODULE.sub("", record.resource)
        bare = INDEX.sub("", address)
        first, last = record.file_line_range
        key = (record.check_id, path, bare)
        found = merged.get(key)
        if found is None:
            merged[key] = found = suppress.finding(
                suppress.Reported(record),
                key=_relative(path, root),
                resource=bare,
                line=first,
                end_line=last,
                suppression=suppress.find(known.get(path, []), record.check_id, range(first, last + 1)),
            )
            found["instances"] = []
        if record.resource != bare and record.resource not in found["instances"]:
            found["instances"].append(record.resource)
    yield from merged.values()


def _remote(runner: Any, root: Path, known: dict[str, suppress.Suppressions]) -> Iterator[dict[str, Any]]:
    """A finding for each module call whose source is not a folder of this tree."""
    done = set()
    for definition, blocks in (runner.definitions or {}).items():
        for call in blocks.get("module", []):
            for name, body in call.items():
                source = (body.get("source") or [""])[0] if isinstance(body, dict) else ""
                path = definition.file_path
                if (path, name) in done or _inside(source, Path(path).parent, root):
                    continue
                done.add((path, name))
                first, last = body.get("__start_line__", 1), body.get("__end_line__", 1)
                found = suppress.finding(
                    _RemoteModule,
                    key=_relative(path, root),
                    resource=f"module.{name}",
                    line=first,
                    end_line=last,
                    suppression=suppress.find(known.get(path, []), _RemoteModule.id, range(first, last + 1)),
                )
                shown = USER.sub("://", source) if isinstance(source, str) else ""
                found["detail"] = f"its source is {shown!r}" if shown else ""
                yield found


def _inside(source: Any, folder: Path, root: Path) -> bool:
    if not isinstance(source, str) or not source.startswith(LOCAL):
        return source in {".", "./"}
    target = (folder / source).resolve()
    return target.is_relative_to(root.resolve()) and any(target.glob("*.tf"))


def _says_something(path: Path) -> bool:
    text = path.read_text(encoding="utf-8", errors="replace")
    return bool(re.sub(r"(?m)^\s*(#|//).*$|/\*[\s\S]*?\*/", "", text).strip("\ufeff \t\r\n"))


def _relative(path: str, root: Path) -> str:
    return str(Path(path).relative_to(root)) if Path(path).is_relative_to(root) else path


def _watch() -> None:
    """See which blocks checkov takes for malformed and leaves out of what it parsed."""
    load, validate, clean = (
        parser_utils.load_or_die_quietly,
        parser_utils.validate_malformed_definitions,
        parser_utils.clean_bad_definitions,
    )
    current = [""]

    def watched(step: Any) -> Any:
        def run(blocks: Any) -> Any:
            kept = step(blocks)
            if any(len(kept.get(kind, ())) != len(blocks.get(kind, ())) for kind in JUDGED):
                _dropped.append(current[0])
            return kept

        return run

    def loading(file: Any, *rest: Any, **named: Any) -> Any:
        current[0] = str(getattr(file, "path", file))
        return load(file, *rest, **named)

    parser_utils.validate_malformed_definitions = watched(validate)
    parser_utils.clean_bad_definitions = watched(clean)
    for user in (module_finder, tf_parser):
        user.load_or_die_quietly = loading


_watch()
faster.install()
