"""The scanners, by name."""

from __future__ import annotations

from guarita.errors import UsageError
from guarita.scan.interface import Scanner
from guarita.scan.scanners.code.scanner import CodeScanner
from guarita.scan.scanners.documents.scanner import DocumentsScanner
from guarita.scan.scanners.infrastructure.scanner import InfrastructureScanner
from guarita.scan.scanners.manifests.scanner import ManifestsScanner
from guarita.scan.scanners.secrets.scanner import SecretsScanner

SCANNERS: tuple[type[Scanner], ...] = (
    CodeScanner,
    ManifestsScanner,
    InfrastructureScanner,
    SecretsScanner,
    DocumentsScanner,
)


def choose(names: list[str] | None) -> list[Scanner]:
    """The scanners with these names, or all of them. Raises UsageError (`scan.unknown-scanner`)."""
    known = {scanner.name: scanner for scanner in SCANNERS}
    for name in names or ():
        if name not in known:
            raise UsageError(
                "scan.unknown-scanner", f"no scanner is called {name!r}", hint=f"one of: {', '.join(known)}"
            )
    return [scanner() for name, scanner in known.items() if not names or name in names]
