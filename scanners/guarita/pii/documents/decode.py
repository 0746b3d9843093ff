"""Bytes to text: UTF-8 with or without a mark, UTF-16, UTF-32, Windows-1252, and mixtures of them."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from typing import BinaryIO, Final

from guarita.pii.documents.interface import DocumentError

PIECE: Final = 1 << 18
"""Bytes that are decoded at once."""
_MARKS: Final = (
    # UTF-32 first: its little-endian mark starts with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ERRORS: Final = "guarita-windows-1252"
_MOSTLY: Final = 0.4


def _windows_1252(error: UnicodeError) -> tuple[str, int]:
    """Read the bytes that are not UTF-8 as Windows-1252: files that were pasted together hold both."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    wrong = error.object[error.start : error.end]
    return wrong.decode("cp1252", "replace"), error.end


codecs.register_error(_ERRORS, _windows_1252)


def encoding(head: bytes) -> str | None:
    """The encoding of a text by its first bytes, or None when it is no text.

    A mark decides; NUL bytes in every second place mean UTF-16 without one; any other NUL means no text.
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    if b"\0" not in head:
        return "utf-8"
    even, odd = head[::2].count(0), head[1::2].count(0)
    half = max(1, len(head) // 2)
    if odd / half > _MOSTLY and even / half < 1 - _MOSTLY and even < odd / 4:
        return "utf-16-le"
    if even / half > _MOSTLY and odd < even / 4:
        return "utf-16-be"
    return None


def text_pieces(stream: BinaryIO) -> Iterator[str]:
    """The text of a stream in pieces, in bounded memory.

    Raises DocumentError `document.binary` at a NUL character, and `document.damaged` where UTF-16 or
    UTF-32 is broken.
    """
    head = stream.read(PIECE)
    name = encoding(head[:8192])
    if name is None:
        raise binary()
    errors = _ERRORS if name.startswith("utf-8") else "strict"
    decoder = codecs.getincrementaldecoder(name)(errors)
    piece = head
    try:
        while piece:
            text = decoder.decode(piece)
            if "\0" in text:
                raise binary()
            yield text
            piece = stream.read(PIECE)
        yield decoder.decode(b"", True)
    except UnicodeDecodeError as error:
        raise undecodable(error, name) from None


def decoded(data: bytes) -> str:
    """The text of some bytes, as `text_pieces` reads them."""
    return "".join(text_pieces(io.BytesIO(data)))


def undecodable(error: UnicodeDecodeError, name: str) -> DocumentError:
    """The refusal of a text that breaks its own encoding."""
    return DocumentError(
        "document.damaged", f"it is damaged: byte {error.start} of a piece is no valid {name.upper()}"
    )


def binary() -> DocumentError:
    """The refusal of what is no text."""
    return DocumentError(
        "document.binary",
        "it holds NUL characters, so it is no text, and its content is no document that can be read",
        hint="exclude it by a named rule if it is no document",
    )
