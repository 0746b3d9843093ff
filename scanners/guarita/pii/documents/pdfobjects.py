"""PDF by its objects: strings that no page shows, metadata, scripts. What pages show is read elsewhere."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any, Final

import pikepdf

from guarita.pii.documents.archive import encrypted
from guarita.pii.documents.interface import Limits, damaged, too_deep

_BINARY_KEYS: Final = frozenset(
    {"/ByteRange", "/Cert", "/Checksum", "/CheckSum", "/ID", "/O", "/OE", "/Ordering", "/Panose", "/Perms", "/Registry", "/U",
     "/UE"}
)  # fmt: skip
_PRINTABLE: Final = 0.8
Set = Callable[[str], None]
"""Puts another text where one was read."""


def opened(data: bytes) -> pikepdf.Pdf:
    """A PDF by qpdf. Raises DocumentError."""
    try:
        return pikepdf.open(io.BytesIO(data), suppress_warnings=True)
    except pikepdf.PasswordError:
        raise encrypted() from None
    except (pikepdf.PdfError, ValueError, OverflowError, RuntimeError):
        raise damaged("its objects cannot be read") from None


def strings(pdf: pikepdf.Pdf, limits: Limits) -> Iterator[tuple[str, Set]]:
    """Every text that stands in an object, wherever it is reached from, and how to change it.

    Titles of bookmarks, targets of links, alternative texts, names of layers. Raises DocumentError.
    """
    for item in _objects(pdf):
        stack: list[tuple[Any, int]] = [(item, 0)]
        while stack:
            holder, depth = stack.pop()
            if depth > limits.depth:
                raise too_deep(limits.depth)
            for key, value in _entries(holder):
                if isinstance(value, pikepdf.String):
                    text = str(value)
                    if key not in _BINARY_KEYS and _readable(text):
                        yield text, _setter(holder, key)
                elif isinstance(value, pikepdf.Dictionary | pikepdf.Array) and not value.is_indirect:
                    stack.append((value, depth + 1))


def hidden_texts(pdf: pikepdf.Pdf) -> Iterator[str]:
    """What streams beside pages say: metadata (XMP), scripts, forms in XML."""
    for item in _objects(pdf):
        if isinstance(item, pikepdf.Stream):
            kind = str(item.get("/Type", ""))
            if kind == "/Metadata" or "/XFA" in kind:
                yield _content(item)
            continue
        if isinstance(item, pikepdf.Dictionary):
            for key in ("/JS", "/XFA"):
                value = item.get(key)
                for one in value if isinstance(value, pikepdf.Array) else [value]:
                    if isinstance(one, pikepdf.Stream):
                        yield _content(one)


def _objects(pdf: pikepdf.Pdf) -> Iterator[Any]:
    yield pdf.trailer
    yield from pdf.objects


def _entries(holder: Any) -> list[tuple[Any, Any]]:
    if isinstance(holder, pikepdf.Stream):
        return list(holder.stream_dict.items())
    if isinstance(holder, pikepdf.Dictionary):
        return list(holder.items())
    if isinstance(holder, pikepdf.Array):
        return list(enumerate(holder))
    return []


def _setter(holder: Any, key: Any) -> Set:
    def put(text: str) -> None:
        target = holder.stream_dict if isinstance(holder, pikepdf.Stream) else holder
        target[key] = pikepdf.String(text)

    return put


def _content(stream: pikepdf.Stream) -> str:
    try:
        return stream.read_bytes().decode("utf-8", "replace")
    except pikepdf.PdfError:
        raise damaged("a stream of it cannot be read") from None


def _readable(text: str) -> bool:
    shown = sum(character.isprintable() or character in "\r\n\t" for character in text)
    return len(text) > 1 and shown >= _PRINTABLE * len(text)
