"""The scanners, by name. Each is imported when it is chosen."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Final

from guarita.errors import UsageError
from guarita.scan.interface import Options, Scanner

SCANNERS: Final[Mapping[str, str]] = {
    "code": "CodeScanner",
    "manifests": "ManifestsScanner",
    "infrastructure": "InfrastructureScanner",
    "secrets": "SecretsScanner",
    "documents": "DocumentsScanner",
    "dependencies": "DependenciesScanner",
    "platform": "PlatformScanner",
}
"""The class of each, in the module `scanner` of the package of its name."""


def choose(names: Sequence[str] | None, options: Options | None = None) -> list[Scanner]:
    """The scanners with these names, or all that can run. Raises UsageError (`scan.unknown-scanner`)."""
    for name in names or ():
        if name not in SCANNERS:
            raise UsageError(
                "scan.unknown-scanner",
                f"no scanner is called {name!r}",
                hint=f"one of: {', '.join(SCANNERS)}",
            )
    options = options or Options()
    chosen = running(names, packs=options.packs, advisories=bool(options.advisories))
    return [_made(name, options) for name in chosen]


def running(names: Sequence[str] | None, *, packs: Sequence[str], advisories: bool = False) -> list[str]:
    """The names of the scanners that run where these are asked for, or all that can."""
    # These need what only the caller has, or a policy that asks for them.
    left_out = {"dependencies"} - ({"dependencies"} if advisories else set())
    left_out |= {"platform"} - set(packs)
    return [name for name in SCANNERS if (name in names if names else name not in left_out)]


def _made(name: str, options: Options) -> Scanner:
    module = importlib.import_module(f"guarita.scan.scanners.{name}.scanner")
    scanner: Scanner = getattr(module, SCANNERS[name])(options)
    return scanner
