"""The file: a zip archive with this program, a manifest, and the entries of the log, each as its exact bytes.

The archive's comment is `sha256:` and the digest of every byte before it, so that a damaged byte is noticed wherever it is.
That is against damage. Against forgery stand the signatures.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

FORMAT = "guarita evidence 1"
MANIFEST = "evidence.json"
ENTRIES = "entries.jsonl"
COMMENT = b"sha256:"
COMMENT_SIZE = len(COMMENT) + 64
MAX_MANIFEST = 256 * 1024 * 1024
MAX_LINE = 128 * 1024
ENCODED = b"base64:"
"""How a line begins that holds an entry which is not one line of JSON."""


class Malformed(Exception):  # noqa: N818  # read in the report as a word
    """The file is not whole, or not of this kind."""


class Container:
    """An evidence file, opened."""

    def __init__(self, data: bytes) -> None:
        """Raises Malformed."""
        self.sha256 = hashlib.sha256(data).hexdigest()
        comment = data[-COMMENT_SIZE:]
        if comment != COMMENT + hashlib.sha256(data[:-COMMENT_SIZE]).hexdigest().encode():
            raise Malformed(
                "its bytes are not those that were written: damaged, cut off, or not an evidence file"
            )
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            names = self._zip.namelist()
            if len(set(names)) != len(names) or self._zip.comment != comment:
                raise Malformed("the archive holds a name twice")
            with self._zip.open(MANIFEST) as file:
                self.manifest = _object(file.read(MAX_MANIFEST))
        except (
            zipfile.BadZipFile,
            KeyError,
            NotImplementedError,
            RuntimeError,
            OSError,
            EOFError,
            zlib.error,
        ) as error:
            raise Malformed(f"not an archive that can be read ({type(error).__name__})") from None
        if self.manifest.get("format") != FORMAT:
            raise Malformed(f"not of the format {FORMAT!r}: a newer verifier may be needed")

    def entries(self) -> Iterator[bytes]:
        """The entries of the range, in order, each as its exact bytes. Raises Malformed."""
        try:
            with self._zip.open(ENTRIES) as file:
                while line := file.readline(MAX_LINE):
                    yield _entry(line)
        except (zipfile.BadZipFile, KeyError, OSError, EOFError, zlib.error) as error:
            raise Malformed(f"the entries cannot be read ({type(error).__name__})") from None


def line_of(entry: bytes) -> bytes:
    """How an entry stands in the file."""
    plain = entry.startswith(b"{") and b"\n" not in entry
    return (entry if plain else ENCODED + base64.b64encode(entry)) + b"\n"


def _entry(line: bytes) -> bytes:
    if not line.endswith(b"\n"):
        raise Malformed("an entry is cut off")
    line = line[:-1]
    if not line.startswith(ENCODED):
        return line
    try:
        return base64.b64decode(line[len(ENCODED) :], validate=True)
    except binascii.Error:
        raise Malformed("an entry is not base64") from None


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Malformed("its manifest is not a JSON object")
    return found
