"""The reports, by name. Each is imported when it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Final

from guarita.errors import UsageError
from guarita.scan.reports.interface import Reporter

REPORTERS: Final[Mapping[str, str]] = {
    "text": "TextReporter",
    "json": "JsonReporter",
    "sarif": "SarifReporter",
    "junit": "JunitReporter",
    "markdown": "MarkdownReporter",
    "gitlab": "GitlabReporter",
    "html": "HtmlReporter",
    "oscal": "OscalReporter",
}
"""The class of each, in the module of its name."""
FORMATS: Final = tuple(REPORTERS)


def reporter(name: str) -> Reporter:
    """The reporter with this name. Raises UsageError (`scan.unknown-format`)."""
    if name not in REPORTERS:
        raise UsageError(
            "scan.unknown-format", f"no report is called {name!r}", hint=f"one of: {', '.join(FORMATS)}"
        )
    module = importlib.import_module(f"guarita.scan.reports.{name}")
    made: Reporter = getattr(module, REPORTERS[name])()
    return made
