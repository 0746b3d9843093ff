"""The posture: where a platform stands, from its audit ledger and guarita.yaml alone."""

from guarita.report.interface import Posture
from guarita.report.posture import Surveyor

__all__ = ["Posture", "Surveyor"]
