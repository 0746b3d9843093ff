"""Plain text and Markdown: of any length in bounded memory, every byte beside the data as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from guarita.pii.documents import Block, Limits, Source, Span
from guarita.pii.documents.text import windows
from guarita.pii.redaction.encoded import Encoding, kept_pieces, readable
from guarita.pii.redaction.interface import Choices, Editor, Redactor, Report


class TextRedactor(Redactor):
    """Rewrites text as it streams by."""

    kind = "text"

    def redact(
        self,
        source: Source,
        target: BinaryIO,
        editor: Editor,
        limits: Limits,  # noqa: ARG002  # it holds no more than a window
        choices: Choices,  # noqa: ARG002  # there is one way only
    ) -> Report:
        with source.open() as stream:
            written = Encoding(source.head())
            target.write(written.mark)
            tape = _Tape()
            for block in windows(tape.reading(kept_pieces(stream, written))):
                own = block.spans[0]
                # A datum at the border belongs to this window to its end.
                whole = Block(block.text, (Span(own.start, len(block.text), own.place),))
                start = tape.owned - own.start
                for edit in editor.edits(whole):
                    if edit.start < own.end and start + edit.end > tape.at:
                        target.write(written.encode(tape.until(start + edit.start) + edit.text))
                        tape.skip(start + edit.end)
                tape.owned += own.end - own.start
                target.write(written.encode(tape.until(tape.owned)))
            target.write(written.encode(tape.rest()))
        return Report()


class _Tape:
    """The text as it is to be written again, from where it has not been written yet; by positions in the whole."""

    def __init__(self) -> None:
        self.at = 0
        """Up to here it is written or left out."""
        self.owned = 0
        """Up to here windows have been looked at."""
        self._start = 0
        self._text = ""

    def reading(self, pieces: Iterator[str]) -> Iterator[str]:
        """Pass pieces on as they are read, and keep them as they are written."""
        for piece in pieces:
            self._text = self._text[self.at - self._start :] + piece
            self._start = self.at
            yield readable(piece)

    def until(self, position: int) -> str:
        """The text from where it was left up to a position; empty when that is behind."""
        if position <= self.at:
            return ""
        text = self._text[self.at - self._start : position - self._start]
        self.at = position
        return text

    def skip(self, position: int) -> None:
        """Leave out what stands before a position."""
        self.at = max(self.at, position)

    def rest(self) -> str:
        """All that is left."""
        return self._text[self.at - self._start :]
