"""HTML: the page as it stands, tags and links included, with the data in text, attributes and comments replaced."""

from __future__ import annotations

from typing import BinaryIO

from guarita.pii.documents import Limits, Source
from guarita.pii.documents.html import page_blocks
from guarita.pii.redaction.encoded import readable, whole_text
from guarita.pii.redaction.interface import Choices, Editor, Redactor, Report
from guarita.pii.redaction.raw import Change, applied, changes


class HtmlRedactor(Redactor):
    """Changes the page's own text."""

    kind = "html"

    def redact(
        self,
        source: Source,
        target: BinaryIO,
        editor: Editor,
        limits: Limits,
        choices: Choices,  # noqa: ARG002  # there is one way only
    ) -> Report:
        page, written = whole_text(source, limits)
        made: list[Change] = []
        for block in page_blocks(readable(page)):
            edits = editor.edits(block)
            made += changes(block, edits)
        target.write(written.mark + written.encode(applied(page, made)))
        return Report()
