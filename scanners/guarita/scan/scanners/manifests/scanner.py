"""The `manifests` scanner: plain files, then charts, then kustomizations, and one end for each file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from guarita.scan.interface import ScanJob, Scanner, ScanResult, Snapshot, TreeFile
from guarita.scan.scanners.checkov import Engine, check_canaries, engine_identity, engine_version, to_findings
from guarita.scan.scanners.manifests import helm, kustomize, plain
from guarita.scan.scanners.manifests.claims import CHART, is_claimed, is_kustomization
from guarita.scan.tools import renderers


class ManifestsScanner(Scanner):
    """Kubernetes objects, wherever they come from."""

    name: ClassVar[str] = "manifests"
    summary: ClassVar[str] = "Kubernetes manifests, Helm charts, kustomizations, by checkov"

    def claims(self, file: TreeFile) -> bool:
        return is_claimed(file)

    def version(self) -> str:
        return engine_version(self.name)

    def engine(self) -> str:
        return f"{engine_identity(self.name)}, {renderers()}"

    def inputs(self, snapshot: Snapshot, claimed: Sequence[TreeFile]) -> Sequence[TreeFile]:
        # Charts and kustomizations read files that nobody claims.
        builds = any(file.name == CHART or is_kustomization(file) for file in claimed)
        return snapshot.files if builds else claimed

    def scan(self, job: ScanJob) -> ScanResult:
        tools = [self.version()]
        charts = helm.charts_of(job)
        in_charts = {file.path for chart in charts for file in chart.inputs}
        builds = [file for file in job.files if is_kustomization(file) and file.path not in in_charts]
        rest = [
            file
            for file in job.files
            if file.path not in in_charts and not (is_kustomization(file) and file in builds)
        ]
        with Engine(job, self.name) as engine:
            plan = kustomize.plan(engine, job, builds)
            plainly = plain.judge(engine, job, rest, plan.patches)
            answers, outcomes = plainly.answers, plainly.outcomes
            if charts:
                rendered = helm.judge(engine, job, charts)
                tools += rendered.tools
                answers += rendered.answers
                outcomes |= rendered.outcomes
            if builds:
                built = kustomize.judge(engine, job, plan, plainly)
                tools += built.tools
                answers = built.answers
                outcomes |= built.outcomes
            check_canaries(engine, job, self.name)
        findings = to_findings(self.name, answers, job.snapshot.by_place)
        return ScanResult(findings=tuple(findings), outcomes=outcomes, tool=", ".join(tools))
