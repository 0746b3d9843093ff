"""Kinds of files that no scanner here can judge yet: they end without a tool, and so never pass."""

from __future__ import annotations

import re
from typing import ClassVar

from guarita.policy.gate.coverage import FileStatus
from guarita.scan.interface import Outcome, ScanJob, Scanner, ScanResult, TreeFile


class Unavailable(Scanner):
    """Claims its kind of files and answers for none of them."""

    pattern: ClassVar[re.Pattern[str]]
    advice: ClassVar[str] = (
        "this version has no scanner for it: exclude it by a named rule, or judge it by hand"
    )

    def claims(self, file: TreeFile) -> bool:
        return self.pattern.search(file.path) is not None

    def version(self) -> str:
        return "none"

    def scan(self, job: ScanJob) -> ScanResult:
        job.advance(len(job.files))
        outcome = Outcome(status=FileStatus.NO_TOOL, reason=f"{self.name}: {self.advice}")
        return ScanResult(
            findings=(), outcomes={file.path: outcome for file in job.files}, tool=self.version()
        )


class Manifests(Unavailable):
    """Kubernetes, Helm, kustomize and workflow files."""

    name: ClassVar[str] = "manifests"
    summary: ClassVar[str] = "Kubernetes manifests, charts, workflows (not yet: ends without a tool)"
    pattern: ClassVar[re.Pattern[str]] = re.compile(r"\.(ya?ml|tpl|gotmpl|ya?ml\.\w+)$", re.IGNORECASE)


class Infrastructure(Unavailable):
    """Terraform and Dockerfiles."""

    name: ClassVar[str] = "infrastructure"
    summary: ClassVar[str] = "Terraform and Dockerfiles (not yet: ends without a tool)"
    pattern: ClassVar[re.Pattern[str]] = re.compile(
        r"(\.(tf|tf\.json|tfvars|hcl|bicep)|(^|/)(Dockerfile|Containerfile)[^/]*|\.dockerfile)$",
        re.IGNORECASE,
    )
