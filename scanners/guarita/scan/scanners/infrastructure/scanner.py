"""The `infrastructure` scanner: which file goes to which of checkov's frameworks."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from typing import Any, ClassVar, Final

from guarita.policy.gate.coverage import FileStatus
from guarita.policy.gate.finding import Finding
from guarita.scan.interface import SCANNED, Outcome, ScanJob, Scanner, ScanResult, TreeFile
from guarita.scan.scanners.checkov import (
    Engine,
    ask_about,
    check_canaries,
    engine_identity,
    engine_version,
    to_findings,
)
from guarita.scan.scanners.infrastructure import terraform, workflows
from guarita.scan.scanners.infrastructure.claims import Kind, kind_of, looks_like_template, may_be_template

NO_CHECKS: Final = Outcome(
    status=FileStatus.NO_TOOL,
    reason="infrastructure: checkov has no checks for this kind; exclude it by a named rule",
)
NOT_FOLLOWED: Final = "it takes in (include, extends) what is no Compose file of this tree by its name"
LOCK: Final = Outcome(status=FileStatus.EXCLUDED, rule="lock-file", reason="provider versions and checksums")
NOT_A_TEMPLATE: Final = Outcome(
    status=FileStatus.EXCLUDED,
    rule="not-a-manifest",
    reason="it says nothing that infrastructure is made from",
)


class InfrastructureScanner(Scanner):
    """What infrastructure is made from, and the pipelines that make it."""

    name: ClassVar[str] = "infrastructure"
    summary: ClassVar[str] = "Terraform, Dockerfiles, CloudFormation, CI pipelines, by checkov and zizmor"

    def claims(self, file: TreeFile) -> bool:
        return kind_of(file) is not None

    def version(self) -> str:
        return engine_version(self.name)

    def engine(self) -> str:
        return f"{engine_identity(self.name)}, {workflows.engine()}"

    def scan(self, job: ScanJob) -> ScanResult:
        by_kind: defaultdict[Kind, list[TreeFile]] = defaultdict(list)
        for file in job.files:
            by_kind[kind_of(file) or Kind.TEMPLATE].append(file)
        outcomes: dict[str, Outcome] = {}
        answers: list[dict[str, Any]] = []
        for kind, outcome in ((Kind.NO_CHECKS, NO_CHECKS), (Kind.TERRAFORM_LOCK, LOCK)):
            outcomes.update({file.path: outcome for file in by_kind.pop(kind, ())})
        job.advance(len(outcomes))
        tools = [self.version()]
        actions = [*by_kind.get(Kind.GITHUB, ()), *by_kind.get(Kind.ACTION, ())]
        findings: list[Finding] = []
        unread: dict[str, str] = {}
        if actions:
            tools.append(workflows.engine())
            findings, unread = workflows.judge(job, actions)
        with Engine(job, self.name) as engine:
            if hcl := by_kind.pop(Kind.TERRAFORM, []):
                found, ended = terraform.judge(engine, job, hcl)
                answers += found
                outcomes |= ended
                job.advance(len(hcl))
            compose = by_kind.pop(Kind.COMPOSE, [])
            known = {file.path for file in compose}
            for file in compose:
                outcomes[file.path] = _judge_compose(engine, job, file, known, answers)
                job.advance(1)
            for kind, files in by_kind.items():
                for file in files:
                    outcomes[file.path] = _judge(engine, job, kind, file, answers)
                    job.advance(1)
            check_canaries(engine, job, self.name)
        for path, reason in unread.items():
            if outcomes[path] == SCANNED:
                outcomes[path] = Outcome(status=FileStatus.UNPARSEABLE, reason=f"{self.name}: {reason}")
        findings += to_findings(self.name, answers, job.snapshot.by_place)
        return ScanResult(findings=tuple(findings), outcomes=outcomes, tool=", ".join(tools))


def _judge_compose(
    engine: Engine, job: ScanJob, file: TreeFile, known: set[str], answers: list[dict[str, Any]]
) -> Outcome:
    """Judge a Compose file. `known` are the paths of all, each of which is judged by itself."""
    answer = ask_about(engine, job, file, op="compose")
    if answer.get("none"):
        return _judge(engine, job, Kind.TEMPLATE, file, answers)
    answers += answer.get("findings", ())
    folder = file.path.rpartition("/")[0]
    elsewhere = any(
        posixpath.normpath(posixpath.join(folder, path)) not in known for path in answer.get("references", ())
    )
    problems = [*answer.get("problems", ()), *([NOT_FOLLOWED] if elsewhere else [])]
    if reason := answer.get("error") or "; ".join(problems[:3]):
        return Outcome(status=FileStatus.UNPARSEABLE, reason=f"infrastructure: {reason}")
    return SCANNED


def _judge(
    engine: Engine, job: ScanJob, kind: Kind, file: TreeFile, answers: list[dict[str, Any]]
) -> Outcome:
    if kind is Kind.TEMPLATE and not may_be_template(file.read()):
        return NOT_A_TEMPLATE
    answer = ask_about(engine, job, file, **_question(kind))
    answers += answer.get("findings", ())
    if answer.get("error") and kind is Kind.TEMPLATE and not looks_like_template(file.read()):
        # Whoever claims all YAML says that it cannot be parsed; nothing shows that it is ours.
        return NOT_A_TEMPLATE
    if reason := answer.get("error") or "; ".join(answer.get("problems", ())[:3]):
        return Outcome(status=FileStatus.UNPARSEABLE, reason=f"infrastructure: {reason}")
    return NOT_A_TEMPLATE if answer.get("none") else SCANNED


def _question(kind: Kind) -> dict[str, str]:
    if kind is Kind.DOCKERFILE:
        return {"op": "dockerfile"}
    if kind in {Kind.TEMPLATE, Kind.ROLE, Kind.BICEP}:
        return {"op": "template", "kind": kind.value}
    return {"op": "pipeline", "kind": kind.value}
