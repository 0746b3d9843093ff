"""The `secrets` scanner: keys, tokens and passwords in any text, by kingfisher."""

from __future__ import annotations

import hashlib
import itertools
import re
import shutil
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from guarita.policy.gate.coverage import FileStatus
from guarita.policy.gate.finding import Finding, Location, Suppression
from guarita.policy.severity import load_table
from guarita.scan.canary import Canary
from guarita.scan.installed import version
from guarita.scan.interface import SCANNED, Outcome, ScanJob, Scanner, ScannerError, ScanResult, TreeFile
from guarita.scan.process import neutral_environment, run_tool
from guarita.scan.scanners.perfile import PerFile
from guarita.scan.scanners.secrets.overlap import distinct

FOUND = {0, 200, 205}
"""kingfisher's statuses for nothing found, something found, something valid found."""
RULES = Path(__file__).with_name("rules.yaml")
"""Rules of our own, beside the engine's."""
CANARY_RULE = "betterleaks.aws-access-token"
Contents = dict[str, list[TreeFile]]
"""The files of each content, by the name of its flat copy."""
Found = dict[tuple[str, str], list[Finding]]
"""Findings by flat name and path."""
DIRECTIVE = re.compile(
    rb"(kingfisher:ignore|gitleaks:allow|betterleaks:allow|pragma: allowlist secret)", re.IGNORECASE
)


class SecretsScanner(Scanner):
    """Every text file, whatever its ending and however hidden."""

    name: ClassVar[str] = "secrets"
    summary: ClassVar[str] = "keys, tokens and passwords in any text, by kingfisher"

    def claims(self, file: TreeFile) -> bool:
        return not file.binary

    def version(self) -> str:
        _engine()
        own = hashlib.sha256(RULES.read_bytes()).hexdigest()[:8]
        return f"kingfisher {version('kingfisher-bin')}, rules {own}"

    def scan(self, job: ScanJob) -> ScanResult:
        ends = PerFile(job, lambda file: (_ending(file),), _canary(), self.name)
        for number, contents in enumerate(_batches(ends.unknown())):
            folder = job.scratch / f"batch-{number}"
            folder.mkdir()
            found, outcome = self._judge(job, folder, contents)
            for name, files in contents.items():
                for file in files:
                    ends.settle(file, found.get((name, file.path), ()), outcome)
        return ends.result(self.version())

    def _judge(self, job: ScanJob, folder: Path, contents: Contents) -> tuple[Found, Outcome]:
        # The engine passes over hidden and vendored folders, lock files and what .gitignore names. Flat copies
        # by content, with no such names, leave it nothing to pass over.
        flat = folder / "contents"
        flat.mkdir()
        for name, files in contents.items():
            files[0].copy_to(flat / name)
        found, seen = self._run(job, folder, contents)
        filled = sum(1 for files in contents.values() if files[0].size)
        if seen >= filled:
            return found, SCANNED
        reason = f"kingfisher read {seen} of {filled} contents and does not say which it left out"
        return found, Outcome(status=FileStatus.UNPARSEABLE, reason=reason)

    def _run(self, job: ScanJob, folder: Path, contents: Contents) -> tuple[Found, int]:
        """What the engine finds, and how many contents it read."""
        home = folder / "home"
        home.mkdir()
        done = run_tool(
            [
                _engine(), "scan", folder / "contents", "--no-update-check", "--no-validate", "--no-ignore", "--no-dedup",
                "--format", "jsonl", "--confidence", "low", "--git-history", "none", "--no-extract-archives",
                "--rules-path", RULES, "--jobs", str(job.jobs), "--max-file-size", "0", "--rule-cache-dir", _rule_cache(job),
            ],
            cwd=job.scratch,
            env=neutral_environment(home),
            timeout=job.remaining,
            stop=job.stop,
            scanner=self.name,
            ok=FOUND,
        )  # fmt: skip
        records = [msgspec.json.decode(line, type=dict[str, Any]) for line in done.stdout.splitlines()]
        seen = max((record["blobs_scanned"] for record in records if "blobs_scanned" in record), default=-1)
        if seen < 0:
            raise ScannerError("scanner.crashed", "secrets: kingfisher ended without its summary")
        findings: Found = {}
        for record, also in distinct(record for record in records if "rule" in record):
            name = Path(record["finding"]["path"]).name
            for file in contents[name]:
                findings.setdefault((name, file.path), []).append(_finding(file, record, also))
        return findings, seen


def _finding(file: TreeFile, record: dict[str, Any], also: Sequence[str]) -> Finding:
    rule, found = record["rule"], record["finding"]
    name, secret, line = rule["id"], found["snippet"], int(found["line"])
    rating = load_table().lookup(name, confidence=found["confidence"])
    return Finding(
        scanner=SecretsScanner.name,
        rule=name,
        title=rating.title,
        message="A secret stands here. Its value is not shown.",
        severity=rating.severity,
        severity_basis=rating.basis,
        confidence=found["confidence"],
        location=Location(path=file.path, line=max(1, line), end_line=max(1, line)),
        anchor=_sealed(name, secret),
        fix=rating.fix,
        suppression=_suppression(file, line),
        cwe=rating.cwe,
        also=tuple(f"{SecretsScanner.name}:{rule}" for rule in also),
    )


def _sealed(rule: str, secret: str) -> str:
    # Slow on purpose (about 25 ms): a weak password must not be guessed from a fingerprint in a report.
    return hashlib.scrypt(secret.encode(), salt=rule.encode(), n=2**13, r=8, p=1, dklen=16).hex()


def _suppression(file: TreeFile, line: int) -> Suppression | None:
    lines: Sequence[bytes] = file.read().splitlines()
    for number in (line - 1, line - 2):
        if 0 <= number < len(lines) and (found := DIRECTIVE.search(lines[number])):
            return Suppression(kind=found.group(1).decode().lower())
    return None


def _canary() -> Canary:
    """A key that is none, put together here: written out, it would be found in this very file."""
    key, secret = "AKIA" + "QYLPMN5HFIQR7XYA", "wJalrXUtnFEMIK7MDENG" + "bPxRfiCYzzzzzzzzzKEY"
    content = f"# @NONCE@\nAWS_ACCESS_KEY_ID={key}\nAWS_SECRET_ACCESS_KEY={secret}\n"
    return Canary("canary.txt", content, frozenset({CANARY_RULE}))


def _batches(files: Sequence[TreeFile]) -> Iterator[Contents]:
    """The files by flat name, so that no batch holds one content twice: the engine reads equal ones once."""
    by_digest: dict[str, Contents] = {}
    for file in files:
        by_digest.setdefault(file.digest, {}).setdefault(_flat_name(file), []).append(file)
    for same in itertools.zip_longest(*(list(names.items()) for names in by_digest.values())):
        yield dict(item for item in same if item is not None)


def _flat_name(file: TreeFile) -> str:
    return f"{file.digest}{_ending(file)}"


def _ending(file: TreeFile) -> str:
    # The ending helps the engine to know the language; others would make it unpack or pass over the file.
    plain = re.fullmatch(
        r"\.(py|js|ts|go|rb|java|sh|ya?ml|json|toml|tf|env|ini|cfg|conf|md|html|xml|sql|pem|key)", file.suffix
    )
    return file.suffix if plain else ".txt"


def _engine() -> Path:
    beside = Path(sysconfig.get_path("scripts")) / "kingfisher"
    found = str(beside) if beside.exists() else shutil.which("kingfisher")
    if found is None:
        raise ScannerError(
            "scanner.missing", "secrets: kingfisher is not installed", hint="pip install 'guarita[scan]'"
        )
    return Path(found)


def _rule_cache(job: ScanJob) -> Path:
    """Where the engine keeps its compiled rules (about 6 seconds to make)."""
    folder = (job.cache or job.scratch) / "kingfisher"
    folder.mkdir(exist_ok=True)
    return folder
