"""checkov, shared by two scanners: a worker in checkov's own environment, and what comes back from it."""

from guarita.scan.scanners.checkov.client import Engine, engine_identity, engine_version
from guarita.scan.scanners.checkov.convert import to_findings
from guarita.scan.scanners.checkov.planted import check as check_canaries
from guarita.scan.scanners.checkov.remembered import ask_about, ask_together, is_certain

__all__ = [
    "Engine",
    "ask_about",
    "ask_together",
    "check_canaries",
    "engine_identity",
    "engine_version",
    "is_certain",
    "to_findings",
]
