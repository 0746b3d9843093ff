"""Pictures without what cameras and programs write into them: place, time, owner, comments, text of drawings."""

from __future__ import annotations

import struct
import zlib
from typing import Final

_JPEG: Final = b"\xff\xd8"
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_SCAN, _END = 0xDA, 0xD9
_KEPT_SEGMENTS: Final = frozenset({0xE0, 0xE2, 0xEE})
"""APP0 (JFIF), APP2 (colour profile) and APP14 (Adobe's colours); the others, and comments, say who, where and when."""
_DROPPED_CHUNKS: Final = frozenset({b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME", b"dSIG"})
_EMF: Final = b" EMF"
_WMF: Final = (b"\xd7\xcd\xc6\x9a", b"\x01\x00\x09\x00", b"\x02\x00\x09\x00")
_BLANK_EMF: Final = (
    struct.pack("<IIiiiiiiii", 1, 88, 0, 0, 1, 1, 0, 0, 100, 100)
    + _EMF
    + struct.pack("<IIIHHIIIiiii", 0x10000, 108, 2, 1, 0, 0, 0, 0, 1, 1, 1, 1)
    + struct.pack("<IIIII", 14, 20, 0, 0, 20)
)
_BLANK_WMF: Final = struct.pack("<HHHIHIH", 1, 9, 0x300, 12, 0, 3, 0) + struct.pack("<IH", 3, 0)


def bare(name: str, data: bytes) -> bytes:
    """A picture as it looks, without the rest. A metafile, which holds its text as text, is a blank one afterwards."""
    if data.startswith(_JPEG):
        return _bare_jpeg(data)
    if data.startswith(_PNG):
        return _bare_png(data)
    low = name.lower()
    if data[40:44] == _EMF or low.endswith((".emf", ".emz")):
        return _compressed(_BLANK_EMF) if low.endswith(".emz") else _BLANK_EMF
    if data.startswith(_WMF) or low.endswith((".wmf", ".wmz")):
        return _compressed(_BLANK_WMF) if low.endswith(".wmz") else _BLANK_WMF
    return data


def _compressed(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return packer.compress(data) + packer.flush()


def _bare_jpeg(data: bytes) -> bytes:
    """JPEG by its segments (ITU-T T.81, annex B): 0xFF, a marker, a length that counts itself."""
    parts, at = [_JPEG], 2
    while at + 4 <= len(data) and data[at] == 0xFF:  # noqa: PLR2004  # begins every marker
        marker = data[at + 1]
        if marker in {_SCAN, _END}:
            break
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        application = 0xE0 <= marker <= 0xEF or marker == 0xFE  # noqa: PLR2004  # APP0 to APP15, and COM
        if not application or marker in _KEPT_SEGMENTS:
            parts.append(data[at:end])
        at = end
    # What is appended behind the end is shown by nobody.
    end = data.rfind(b"\xff\xd9", at)
    parts.append(data[at : end + 2] if end >= 0 else data[at:])
    return b"".join(parts)


def _bare_png(data: bytes) -> bytes:
    """PNG by its chunks (ISO/IEC 15948): length, type, data, checksum."""
    parts, at = [_PNG], len(_PNG)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        if kind not in _DROPPED_CHUNKS:
            parts.append(data[at:end])
        at = end
        if kind == b"IEND":
            break
    return b"".join(parts)
