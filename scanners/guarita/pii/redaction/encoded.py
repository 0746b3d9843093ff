"""Text decoded so that writing it again gives the very same bytes, whatever they are."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO, Final

from guarita.pii.documents import Limits, Source
from guarita.pii.documents.decode import PIECE, binary, encoding, undecodable
from guarita.pii.documents.interface import too_large

_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_READ: Final = {0xDC00 + byte: bytes((byte,)).decode("cp1252", "replace") for byte in range(0x80, 0x100)}


class Encoding:
    """How a text is written: its mark and its codec. Bytes that are no UTF-8 stand as half surrogate pairs."""

    def __init__(self, head: bytes) -> None:
        """By the first bytes. Raises DocumentError `document.binary`."""
        self.mark = b""
        name = encoding(head)
        if name is None:
            raise binary()
        self.codec = name
        for mark, codec in _MARKS:
            if head.startswith(mark):
                self.mark, self.codec = mark, codec
                break

    @property
    def errors(self) -> str:
        """How bytes are kept that the codec does not know."""
        return "surrogateescape" if self.codec == "utf-8" else "strict"

    def encode(self, text: str) -> bytes:
        """The bytes of a text that was decoded so, without the mark."""
        return text.encode(self.codec, self.errors)


def kept_pieces(stream: BinaryIO, written: Encoding) -> Iterator[str]:
    """The text of a stream after its mark, in pieces. Raises DocumentError as reading does."""
    stream.seek(len(written.mark))
    decoder = codecs.getincrementaldecoder(written.codec)(written.errors)
    try:
        while piece := stream.read(PIECE):
            text = decoder.decode(piece)
            if "\0" in text:
                raise binary()
            yield text
        yield decoder.decode(b"", True)
    except UnicodeDecodeError as error:
        raise undecodable(error, written.codec) from None


def readable(text: str) -> str:
    """The same text as reading gives it: what is no UTF-8 by Windows-1252. Of the same length."""
    return text if text.isascii() else text.translate(_READ)


def whole_text(source: Source, limits: Limits) -> tuple[str, Encoding]:
    """A text as a whole after its mark, and how it is written. Raises DocumentError as reading does."""
    if source.size > limits.container_bytes:
        raise too_large(source.size, limits.container_bytes)
    written = Encoding(source.head())
    with source.open() as stream:
        return "".join(kept_pieces(stream, written)), written
