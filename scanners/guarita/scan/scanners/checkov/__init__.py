"""checkov, shared by two scanners: a worker in checkov's own environment, and what comes back from it."""

from guarita.scan.scanners.checkov.client import Engine, engine_version
from guarita.scan.scanners.checkov.convert import to_findings

__all__ = ["Engine", "engine_version", "to_findings"]
