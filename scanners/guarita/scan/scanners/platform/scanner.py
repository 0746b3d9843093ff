"""The `platform` scanner: manifests and Terraform as they stand, held against the platform pack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Final

from guarita.policy.gate.coverage import FileStatus
from guarita.policy.gate.finding import Finding, Location
from guarita.policy.packs.platform import load_pack
from guarita.policy.severity import load_table
from guarita.scan.interface import SCANNED, Outcome, ScanJob, Scanner, ScanResult, TreeFile
from guarita.scan.scanners.checkov import Engine, engine_identity, engine_version
from guarita.scan.scanners.platform import data, delivery, network, scaling
from guarita.scan.scanners.platform.interface import Check, Fault, Thing, Tree, plain

LONGEST: Final = 300
"""Characters of a line that are shown."""
CHECKS: Final[dict[str, Check]] = {**scaling.CHECKS, **delivery.CHECKS, **network.CHECKS, **data.CHECKS}
NOT_OURS: Final = Outcome(
    status=FileStatus.EXCLUDED, rule="not-a-manifest", reason="it holds no Kubernetes object"
)

TEMPLATE: Final = Outcome(
    status=FileStatus.EXCLUDED,
    rule="template",
    reason="platform: looks at manifests as they stand, not as rendered",
)


class PlatformScanner(Scanner):
    """Runs where the policy names the pack, or it is asked for by name."""

    name: ClassVar[str] = "platform"
    summary: ClassVar[str] = "the reference architecture: scaling, canaries, firewalls, backups, regions"

    def claims(self, file: TreeFile) -> bool:
        return file.suffix in {".yaml", ".yml", ".tf"}

    def version(self) -> str:
        return f"platform pack, read by {engine_version(self.name)}"

    def engine(self) -> str:
        return engine_identity(self.name)

    def scan(self, job: ScanJob) -> ScanResult:
        things: list[Thing] = []
        outcomes: dict[str, Outcome] = {}
        tool = self.version()
        with Engine(job, self.name) as engine:
            for file in job.files:
                operation = "blocks" if file.suffix == ".tf" else "objects"
                if operation == "objects" and b"apiVersion" not in file.read():
                    outcomes[file.path] = NOT_OURS
                else:
                    answer = engine.ask({"op": operation, "path": str(file.on_disk())})
                    found = list(_things(file, answer))
                    things += found
                    outcomes[file.path] = _outcome(file, answer, found)
                job.advance(1)
        tree = Tree(things)
        findings = [_finding(rule, fault) for rule, check in CHECKS.items() for fault in check(tree)]
        return ScanResult(findings=tuple(findings), outcomes=outcomes, tool=tool)


def _outcome(file: TreeFile, answer: dict[str, Any], found: list[Thing]) -> Outcome:
    if "error" in answer:
        if b"{{" in file.read() and file.suffix != ".tf":
            return TEMPLATE
        return Outcome(status=FileStatus.UNPARSEABLE, reason=f"platform: {answer['error']}")
    return SCANNED if found or "blocks" in answer else NOT_OURS


def _things(file: TreeFile, answer: dict[str, Any]) -> Iterator[Thing]:
    for block in answer.get("blocks", ()):
        body = block["body"] if isinstance(block["body"], dict) else {}
        name = f"{block['kind']}.{block['name']}"
        yield Thing(file, int(body.get("__start_line__", 1)), block["kind"], name, plain(body), "terraform")
    for item in answer.get("objects", ()):
        found = plain(item["data"])
        kind, version = found.get("kind"), found.get("apiVersion")
        if isinstance(kind, str) and isinstance(version, str):
            metadata = found.get("metadata") if isinstance(found.get("metadata"), dict) else {}
            place = f"{metadata.get('namespace') or 'default'}.{metadata.get('name') or 'unnamed'}"
            yield Thing(file, int(item["line"]), kind, f"{kind}.{place}", found, version.rpartition("/")[0])


def _finding(rule: str, fault: Fault) -> Finding:
    thing, row, rating = fault.thing, load_pack()[rule], load_table().lookup(rule)
    lines = thing.file.read().decode("utf-8", "replace").splitlines()
    return Finding(
        scanner=PlatformScanner.name,
        rule=rule,
        title=rating.title,
        message=f"{row.asks} Here {fault.what}.",
        severity=rating.severity,
        severity_basis=rating.basis,
        fix=rating.fix,
        cwe=rating.cwe,
        location=Location(path=thing.file.path, line=thing.line, end_line=thing.line),
        anchor=f"{thing.name}|{fault.part}",
        resource=thing.name,
        snippet=((thing.line, lines[thing.line - 1][:LONGEST]),) if thing.line <= len(lines) else (),
    )
