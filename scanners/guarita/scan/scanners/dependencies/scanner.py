"""The `dependencies` scanner: what locks and requirements name, held against advisories that are in a file."""

from __future__ import annotations

import datetime as dt
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from packaging.utils import canonicalize_name

from guarita.policy.gate.coverage import FileStatus
from guarita.policy.gate.finding import Finding, Location
from guarita.policy.severity import load_table
from guarita.scan.installed import version
from guarita.scan.interface import SCANNED, Outcome, ScanJob, Scanner, ScanResult, TreeFile
from guarita.scan.scanners.dependencies import advisories
from guarita.scan.scanners.dependencies.advisories import Database
from guarita.scan.scanners.dependencies.claims import LOCKS, PYPROJECT, is_without_tool, reader_of
from guarita.scan.scanners.dependencies.interface import Package, UnreadableError
from guarita.scan.scanners.dependencies.locks import licences
from guarita.scan.scanners.dependencies.severity import severity_of
from guarita.scan.scanners.dependencies.versions import UnknownVersionError, fixed_in, is_affected

NO_TOOL: Final = Outcome(
    status=FileStatus.NO_TOOL, reason="dependencies: nothing here reads this kind of lock; npm's own is read"
)
OPEN: Final = "GUARITA_DEP_1"
ELSEWHERE: Final = "GUARITA_DEP_2"
LICENCE: Final = "licence."
REPORTED: Final = ("AGPL", "BUSL", "CPAL", "CC-BY-NC", "EUPL", "GPL", "LGPL", "OSL", "SSPL", "UNLICENSED")
"""Beginnings of licences that ask for something back, or allow nothing: the policy says which it takes."""
PREFERRED: Final = ("CVE-", "GHSA-", "PYSEC-", "MAL-", "OSV-")
"""Whose name a fault has where several databases know it."""


class DependenciesScanner(Scanner):
    """Requirements, pyproject.toml and lock files of Python, and npm's lock files."""

    name: ClassVar[str] = "dependencies"
    summary: ClassVar[str] = "known vulnerabilities and licences of Python and npm packages"

    def claims(self, file: TreeFile) -> bool:
        return reader_of(file.path) is not None or is_without_tool(file.path)

    def version(self) -> str:
        return f"packaging {version('packaging')}"

    def engine(self) -> str:
        if self.options.cache is None:
            return self.version()
        return f"{self.version()} {self._database(self.options.cache).identity}"

    def scan(self, job: ScanJob) -> ScanResult:
        database = self._database(job.cache or job.scratch)
        present = {file.path for file in job.files}
        findings: list[Finding] = []
        outcomes: dict[str, Outcome] = {}
        for file in job.files:
            try:
                findings += _judged(file, present, database)
                outcomes[file.path] = SCANNED
            except UnreadableError as error:
                reason = f"dependencies: {error}"
                outcomes[file.path] = Outcome(status=FileStatus.UNPARSEABLE, reason=reason)
            if is_without_tool(file.path):
                outcomes[file.path] = NO_TOOL
            job.advance(1)
        return ScanResult(findings=tuple(findings), outcomes=outcomes, tool=_tool(self.version(), database))

    def _database(self, folder: Path) -> Database:
        """The database, of an age that the policy allows. Raises ScannerError."""
        database = advisories.opened(self.options.advisories, folder)
        advisories.check_age(database, self.options.now(), dt.timedelta(days=self.options.advisories_max_age))
        return database


def _tool(engine: str, database: Database) -> str:
    return f"{engine}, {database.count} advisories up to {database.newest:%Y-%m-%d}"


def _judged(file: TreeFile, present: set[str], database: Database) -> Iterator[Finding]:
    reader = reader_of(file.path)
    if reader is None:
        return
    read = reader(file.read())
    folder = posixpath.dirname(file.path)
    for path in read.takes_in:
        if posixpath.normpath(posixpath.join(folder, path)) not in present:
            raise UnreadableError("it takes in a file that is not in the tree, or is not read here")
    locked = PYPROJECT.search(file.path) and any(
        posixpath.dirname(path) == folder and LOCKS.search(path) for path in present
    )
    for package in read.packages:
        if package.origin:
            yield _elsewhere(file, package)
        elif package.version:
            yield from _known(file, package, database)
        elif not locked:
            yield _open(file, package)
        yield from _licences(file, package)


def _known(file: TreeFile, package: Package, database: Database) -> Iterator[Finding]:
    """A finding for each fault that is known of this version, whatever number of databases name it."""
    groups: list[list[tuple[dict[str, Any], dict[str, Any]]]] = []
    for advisory in database.about(package.ecosystem, package.name):
        entry = _affecting(advisory, package)
        if entry is not None:
            names = _names([advisory])
            same = [group for group in groups if names & _names(a for a, _ in group)]
            groups = [group for group in groups if group not in same]
            groups.append([pair for group in same for pair in group] + [(advisory, entry)])
    for group in groups:
        yield _vulnerable(file, package, group)


def _affecting(advisory: dict[str, Any], package: Package) -> dict[str, Any] | None:
    for entry in advisory.get("affected") or ():
        named = entry.get("package") or {}
        same = named.get("ecosystem") == package.ecosystem.value and _same_name(named.get("name"), package)
        try:
            if same and is_affected(package.version, entry, package.ecosystem):
                return dict(entry)
        except UnknownVersionError as error:
            raise UnreadableError(
                f"line {package.line}: whether {package.name} {package.version} is affected cannot be told"
            ) from error
    return None


def _same_name(name: Any, package: Package) -> bool:
    return isinstance(name, str) and package.name in {name, str(canonicalize_name(name))}


def _names(group: Iterable[dict[str, Any]]) -> set[str]:
    return {name for advisory in group for name in (advisory["id"], *(advisory.get("aliases") or ()))}


def _vulnerable(
    file: TreeFile, package: Package, group: Sequence[tuple[dict[str, Any], dict[str, Any]]]
) -> Finding:
    rated = sorted(((severity_of(advisory), advisory, entry) for advisory, entry in group), key=_worst)
    (severity, basis), advisory, _ = rated[0]
    names = sorted(_names(a for a, _ in group), key=_rank)
    fixed = next((f for _, _, e in rated if (f := fixed_in(package.version, e, package.ecosystem))), "")
    return Finding(
        scanner=DependenciesScanner.name,
        rule=names[0],
        title=str(advisory.get("summary") or f"A known vulnerability in {package.name}")[:200],
        message=f"{package.name} {package.version} is affected ({', '.join(names)}).",
        severity=severity,
        severity_basis=basis,
        fix=f"Use {package.name} {fixed} or later."
        if fixed
        else f"No fixed version of {package.name} is known.",
        help_url=f"https://osv.dev/vulnerability/{advisory['id']}",
        location=Location(path=file.path, line=package.line, end_line=package.line),
        anchor=f"{package.ecosystem.value}|{package.name}|{names[0]}",
        resource=f"{package.name}@{package.version}",
        cwe=tuple(map(str, (advisory.get("database_specific") or {}).get("cwe_ids") or ())),
    )


def _worst(item: tuple[tuple[Any, str], dict[str, Any], dict[str, Any]]) -> tuple[int, tuple[int, str]]:
    return -item[0][0].rank, _rank(item[1]["id"])


def _rank(name: str) -> tuple[int, str]:
    return next((i for i, start in enumerate(PREFERRED) if name.startswith(start)), len(PREFERRED)), name


def _open(file: TreeFile, package: Package) -> Finding:
    return _ours(
        file, package, OPEN, f"{package.name} has no one version here, so nothing can be looked up for it."
    )


def _elsewhere(file: TreeFile, package: Package) -> Finding:
    name = package.name or "A package"
    return _ours(file, package, ELSEWHERE, f"{name} comes from a {package.origin}, and no database knows it.")


def _licences(file: TreeFile, package: Package) -> Iterator[Finding]:
    offered = [part for part in licences(package.licence) if part.upper().startswith(REPORTED)]
    every = list(licences(package.licence))
    if " OR " in package.licence and len(offered) < len(every):
        return  # there is a choice that asks for nothing
    for name in dict.fromkeys(offered):
        yield _ours(file, package, f"{LICENCE}{name}", f"{package.name} is under {package.licence}.")


def _ours(file: TreeFile, package: Package, rule: str, message: str) -> Finding:
    rating = load_table().lookup(rule)
    return Finding(
        scanner=DependenciesScanner.name,
        rule=rule,
        title=rating.title,
        message=message,
        severity=rating.severity,
        severity_basis=rating.basis,
        fix=rating.fix,
        cwe=rating.cwe,
        location=Location(path=file.path, line=package.line, end_line=package.line),
        anchor=f"{package.ecosystem.value}|{package.name}|{rule}",
        resource=f"{package.name}@{package.version}" if package.version else package.name,
    )
