"""GitHub workflows and actions by zizmor, beside checkov: offline, without the tree's configuration or ignores."""

from __future__ import annotations

import hashlib
import re
import shutil
import sysconfig
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any, Final

import msgspec

from guarita.policy.gate.finding import Finding, Location, Suppression
from guarita.policy.severity import load_table
from guarita.scan.canary import Canary
from guarita.scan.installed import version
from guarita.scan.interface import ScanJob, ScannerError, TreeFile
from guarita.scan.process import neutral_environment, run_tool
from guarita.scan.scanners.checkov.planted import WORKFLOW

SCANNER: Final = "infrastructure"
AROUND: Final = 1
"""Lines shown before and after the reported one."""
LONGEST: Final = 300
"""Characters of a line that are shown."""
HIDES: Final = {"hardcoded-container-credentials"}
"""Audits whose place holds a secret."""
CANARY: Final = Canary("canary.yaml", WORKFLOW, frozenset({"zizmor.template-injection"}))
NOT_READ: Final = "zizmor cannot read it as a workflow or an action"
_COMPLETED: Final = re.compile(r"completed .*?([0-9a-f]{64})/")
_IGNORED: Final = re.compile(r"#\s*zizmor:\s*ignore(?:\[[^\]]*\])?\s*(.*)")


class _Known(msgspec.Struct, frozen=True):
    """What zizmor says of one file."""

    findings: tuple[Finding, ...]
    read: bool


def engine() -> str:
    """`zizmor` with its version. Raises ScannerError (`scanner.missing`)."""
    try:
        return f"zizmor {version('zizmor')}"
    except PackageNotFoundError as error:
        raise ScannerError(
            "scanner.missing", f"{SCANNER}: zizmor is not installed", hint="pip install 'guarita[scan]'"
        ) from error


def judge(job: ScanJob, files: Sequence[TreeFile]) -> tuple[list[Finding], dict[str, str]]:
    """The findings in workflows and actions, and by path why a file was not read.

    Raises ScannerError when zizmor is missing, crashes or hangs.
    """
    findings: list[Finding] = []
    reasons: dict[str, str] = {}
    left: list[TreeFile] = []
    for file in files:
        known = job.results.get(_key(job, file), _Known)
        if known is None:
            left.append(file)
        else:
            findings += known.findings
    if left:
        planted = CANARY.placed(job)
        by_place = {_place(file): file for file in left}
        found, read = _run(job, {**by_place, _place(planted): planted})
        CANARY.check(SCANNER, [finding.rule for finding in found.get(_place(planted), ())])
        for place, file in by_place.items():
            known = _Known(tuple(found.get(place, ())), place in read)
            findings += known.findings
            if known.read:
                job.results.put(_key(job, file), known)
            else:
                reasons[file.path] = NOT_READ
    return findings, reasons


def _key(job: ScanJob, file: TreeFile) -> bytes:
    return job.results.key("zizmor", file.path, file.digest)


def _place(file: TreeFile) -> str:
    """A folder for each file: only its own name says to zizmor what it is."""
    return hashlib.sha256(f"{file.path}\0{file.digest}".encode("utf-8", "surrogateescape")).hexdigest()


def _run(job: ScanJob, by_place: dict[str, TreeFile]) -> tuple[dict[str, list[Finding]], set[str]]:
    folder, home = job.scratch / "workflows", job.scratch / "zizmor-home"
    home.mkdir()
    targets = []
    for place, file in by_place.items():
        name = file.name.lower() if file.name.lower() in {"action.yml", "action.yaml"} else "workflow.yaml"
        target = folder / place / name
        target.parent.mkdir(parents=True)
        file.copy_to(target)
        targets.append(target)
    done = run_tool(
        [
            _program(), "--offline", "--no-config", "--no-ignores", "--no-progress", "--no-exit-codes",
            "--color", "never", "--format", "json-v1", *targets,
        ],
        cwd=home,
        env=neutral_environment(home),
        timeout=job.remaining,
        stop=job.stop,
        scanner=SCANNER,
        ok=(0, 3),
    )  # fmt: skip
    # Status 3 says that there was nothing it could collect: then nothing is read.
    read = set(_COMPLETED.findall(done.stderr.decode("utf-8", "replace")))
    findings: dict[str, list[Finding]] = {}
    for record in msgspec.json.decode(done.stdout, type=list[dict[str, Any]]) if done.stdout.strip() else ():
        for location in record["locations"]:
            if location["symbolic"]["kind"] == "Primary":
                place = Path(location["symbolic"]["key"]["Local"]["verbatim_path"]).parent.name
                findings.setdefault(place, []).append(_finding(by_place[place], record, location))
                break
    return findings, read


def _finding(file: TreeFile, record: dict[str, Any], location: dict[str, Any]) -> Finding:
    name = record["ident"]
    rule = f"zizmor.{name}"
    told = record["determinations"]
    rating = load_table().lookup(
        rule, tool_severity=told["severity"].lower(), confidence=told["confidence"].lower()
    )
    span = location["concrete"]["location"]
    line, end = span["start_point"]["row"] + 1, span["end_point"]["row"] + 1
    lines = file.read().decode("utf-8", "replace").splitlines()
    around = range(max(1, line - AROUND), min(len(lines), line + AROUND) + 1)
    keys = [step["Key"] for step in location["symbolic"]["route"]["route"] if "Key" in step]
    text = " ".join(location["concrete"]["feature"].split())
    return Finding(
        scanner=SCANNER,
        rule=rule,
        title=rating.title if rating.pattern == rule else _capital(record["desc"]),
        message=_capital(location["symbolic"]["annotation"]),
        severity=rating.severity,
        severity_basis=rating.basis,
        fix=rating.fix,
        cwe=rating.cwe,
        confidence=told["confidence"].lower(),
        help_url=record["url"],
        location=Location(path=file.path, line=line, end_line=end, column=span["start_point"]["column"] + 1),
        # The text at the place rather than the number of the step: one more step before it changes nothing.
        anchor=f"{'.'.join(keys)}|{hashlib.sha256(text.encode()).hexdigest()[:16]}",
        resource=".".join(keys[:2]),
        snippet=() if name in HIDES else tuple((number, lines[number - 1][:LONGEST]) for number in around),
        suppression=_suppression(lines[line - 1 : end]) if record["ignored"] else None,
    )


def _suppression(lines: Iterable[str]) -> Suppression:
    reasons = (match.group(1).strip() for line in lines if (match := _IGNORED.search(line)))
    return Suppression(kind="zizmor:ignore", reason=next(reasons, ""))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _program() -> Path:
    engine()
    beside = Path(sysconfig.get_path("scripts")) / "zizmor"
    found = str(beside) if beside.exists() else shutil.which("zizmor")
    if found is None:
        raise ScannerError(
            "scanner.missing", f"{SCANNER}: zizmor is not installed", hint="pip install 'guarita[scan]'"
        )
    return Path(found)
