"""The HTML report: one page that needs nothing but itself, offline, on a phone, on paper, without JavaScript."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from pathlib import Path
from typing import Any, ClassVar

import jinja2
from markupsafe import Markup

from guarita.policy.gate.verdict import Verdict
from guarita.scan.reports import escape
from guarita.scan.reports.html.charts import Charts
from guarita.scan.reports.html.view import view
from guarita.scan.reports.interface import Reporter
from guarita.scan.reports.summary import NO_CERTIFICATE, controls, place, plural, standing

HERE = Path(__file__).parent
LONGEST = 2_000
"""Characters of one text that are shown; a minified line would fill the page."""


class HtmlReporter(Reporter):
    """For people: charts, every finding with its code, search and filters, and the proof of scan."""

    name: ClassVar[str] = "html"
    summary: ClassVar[str] = "one self-contained page, for a browser"

    def render(self, verdict: Verdict) -> bytes:
        css, script = _part("page.css"), _part("page.js")
        page = _template().render(
            css=css,
            script=script,
            policy=_policy(css, script),
            charts=Charts(verdict),
            **view(verdict),
        )
        return page.encode()


def _policy(css: str, script: str) -> str:
    """The Content-Security-Policy (CSP Level 3): these two texts by digest, and nothing else from anywhere."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_digest(css)}'",
            f"script-src '{_digest(script)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@functools.cache
def _part(name: str) -> Markup:
    return Markup((HERE / name).read_text())  # noqa: S704  # our own file, which no tree can choose


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        finalize=_shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(place=place, ticked=_ticked, url=escape.safe_url, number="{:,}".format)
    environment.globals.update(
        plural=plural, controls=controls, standing=standing, no_certificate=NO_CERTIFICATE
    )
    return environment.get_template("page.html.j2")


def _ticked(text: str) -> Markup:
    """Text in which what stands between backticks is code."""
    pieces = re.split(r"`([^`]+)`", escape.clipped(text, LONGEST))
    return Markup().join(
        Markup("<code>{}</code>").format(piece) if number % 2 else piece
        for number, piece in enumerate(pieces)
    )


def _shown(value: Any) -> Any:
    """What every expression in the template goes through, before it is escaped for HTML."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return escape.clipped(value, LONGEST)
    return value
