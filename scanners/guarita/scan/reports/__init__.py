"""The reports, by name."""

from __future__ import annotations

from guarita.errors import UsageError
from guarita.scan.reports.gitlab import GitlabReporter
from guarita.scan.reports.html import HtmlReporter
from guarita.scan.reports.interface import Reporter
from guarita.scan.reports.json import JsonReporter
from guarita.scan.reports.junit import JunitReporter
from guarita.scan.reports.markdown import MarkdownReporter
from guarita.scan.reports.sarif import SarifReporter
from guarita.scan.reports.text import TextReporter

REPORTERS: tuple[type[Reporter], ...] = (
    TextReporter,
    JsonReporter,
    SarifReporter,
    JunitReporter,
    MarkdownReporter,
    GitlabReporter,
    HtmlReporter,
)
FORMATS = tuple(reporter.name for reporter in REPORTERS)


def reporter(name: str) -> Reporter:
    """The reporter with this name. Raises UsageError (`scan.unknown-format`)."""
    for kind in REPORTERS:
        if kind.name == name:
            return kind()
    raise UsageError(
        "scan.unknown-format", f"no report is called {name!r}", hint=f"one of: {', '.join(FORMATS)}"
    )
