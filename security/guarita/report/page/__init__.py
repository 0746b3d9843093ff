"""The posture as one self-contained HTML page: no script, no request, readable in light and dark, on a phone, on paper."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from guarita.report.interface import Posture
from guarita.report.page.markup import Html, el, joined
from guarita.report.page.sections import sections
from guarita.report.page.summary import summary
from guarita.report.page.words import Words

_CSS = (Path(__file__).parent / "page.css").read_text()


def page(posture: Posture, words: Words, *, refresh: int | None = None) -> bytes:
    """The page. With `refresh` (seconds) a browser loads it again by itself."""
    digest = base64.b64encode(hashlib.sha256(_CSS.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=policy),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="referrer", content="no-referrer"),
        *([el("meta", http_equiv="refresh", content=str(refresh))] if refresh else []),
        el("title", "Guarita: ", words("Security posture")),
        el("style", Html(_CSS)),
    )
    body = el(
        "body",
        el("a", words("Skip to the content"), class_="skip", href="#content"),
        summary(posture, words),
        el("main", *sections(posture, words), id="content"),
        el("footer", el("p", words("This page loads nothing and sends nothing."))),
    )
    return joined(Html("<!doctype html>"), el("html", head, body, lang=words.lang)).encode()
