"""The scanners, by name. Each is imported when it is chosen."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Final

from guarita.errors import UsageError
from guarita.scan.interface import Scanner

SCANNERS: Final[Mapping[str, str]] = {
    "code": "CodeScanner",
    "manifests": "ManifestsScanner",
    "infrastructure": "InfrastructureScanner",
    "secrets": "SecretsScanner",
    "documents": "DocumentsScanner",
}
"""The class of each, in the module `scanner` of the package of its name."""


def choose(names: Sequence[str] | None) -> list[Scanner]:
    """The scanners with these names, or all of them. Raises UsageError (`scan.unknown-scanner`)."""
    for name in names or ():
        if name not in SCANNERS:
            raise UsageError(
                "scan.unknown-scanner",
                f"no scanner is called {name!r}",
                hint=f"one of: {', '.join(SCANNERS)}",
            )
    return [_made(name) for name in SCANNERS if not names or name in names]


def _made(name: str) -> Scanner:
    module = importlib.import_module(f"guarita.scan.scanners.{name}.scanner")
    scanner: Scanner = getattr(module, SCANNERS[name])()
    return scanner
