"""Frameworks: which of a framework's controls the checks of a scan speak for, and what they said."""

from guarita.policy.frameworks.coverage import FrameworkCoverage, Standing, Status, covered
from guarita.policy.frameworks.load import NAMES, load_framework, load_reach
from guarita.policy.frameworks.model import Control, Framework, Reach, Thing

__all__ = [
    "NAMES",
    "Control",
    "Framework",
    "FrameworkCoverage",
    "Reach",
    "Standing",
    "Status",
    "Thing",
    "covered",
    "load_framework",
    "load_reach",
]
