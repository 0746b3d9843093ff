"""Plain text, Markdown and reStructuredText, of any length in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from guarita.pii.documents.decode import text_pieces
from guarita.pii.documents.interface import Block, Extractor, Limits, Place, Source, Span

WINDOW = 1 << 16
"""Characters of one block that are its own."""
MARGIN = 512
"""Characters before and after that are read with them."""


class TextExtractor(Extractor):
    """Reads text by line and column."""

    kind = "text"

    def blocks(self, source: Source, limits: Limits) -> Iterator[Block]:  # noqa: ARG002  # it holds no more than a window
        """Windows over the text."""
        with source.open() as stream:
            yield from windows(text_pieces(stream))


def windows(pieces: Iterable[str]) -> Iterator[Block]:
    """Cut a stream of text into blocks that overlap, so that nothing on a border is lost."""
    buffer = ""
    before = 0  # characters at the start of the buffer that the block before it owned
    line, column = 1, 1
    for piece in pieces:
        buffer += piece
        while len(buffer) >= before + WINDOW + MARGIN:
            end = before + WINDOW
            yield _block(buffer[: end + MARGIN], before, end, line, column)
            line, column = _advance(buffer, before, end, line, column)
            cut = max(0, end - MARGIN)
            buffer, before = buffer[cut:], end - cut
    if len(buffer) > before:
        yield _block(buffer, before, len(buffer), line, column)


def _block(text: str, start: int, end: int, line: int, column: int) -> Block:
    return Block(text, (Span(start, end, Place(line=line, column=column)),))


def _advance(text: str, start: int, end: int, line: int, column: int) -> tuple[int, int]:
    lines = text.count("\n", start, end)
    if lines:
        return line + lines, end - text.rfind("\n", start, end)
    return line, column + end - start
