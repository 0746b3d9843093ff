"""Putting an evidence file together: a zip archive that Python runs, with the verifier's own source inside."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable
from importlib.resources import files
from typing import BinaryIO, Final

import msgspec

from guarita.audit.evidence.verifier.container import COMMENT, COMMENT_SIZE, ENTRIES, MANIFEST, line_of

PACKAGE: Final = "guarita_evidence"
_SHEBANG: Final = b"#!/usr/bin/env python3\n"
_THEN: Final = (1980, 1, 1, 0, 0, 0)
"""The archive's own times say nothing, so that equal contents are equal bytes."""
_MAIN: Final = f"""\
import sys
from pathlib import Path

from {PACKAGE}.main import main

sys.exit(main(sys.argv[1:], {{itself}}))
"""
_README: Final = """\
Audit evidence
==============

Verify it, offline, with nothing but Python 3.11 or newer:

    python3 -I FILE --vkey 'NAME+ID+KEY'

The key is the public key of the log. Get it from somebody you trust, not out of this file. The program that runs is in this
archive, in guarita_evidence/, in the standard library's terms alone; read it, or run a copy that you got elsewhere:

    python3 -I verifier.pyz FILE --vkey 'NAME+ID+KEY'

evidence.json  the checkpoints that the log signed (C2SP signed notes), and the proofs (RFC 6962)
entries.jsonl  the entries of the log, one a line, each as the exact bytes that were hashed
"""


def pack(out: BinaryIO, manifest: object, entries: Iterable[bytes]) -> str:
    """Write an evidence file; gives its SHA-256 in hex. `entries` are read once."""
    buffer = io.BytesIO()
    with _archive(buffer) as archive:
        _add_verifier(archive, "Path(sys.argv[0])")
        archive.writestr(_info("README.txt"), _README)
        archive.writestr(_info(MANIFEST), msgspec.json.encode(manifest))
        with archive.open(_info(ENTRIES), "w") as file:
            for entry in entries:
                file.write(line_of(entry))
    data = buffer.getvalue()[:-COMMENT_SIZE]
    whole = data + COMMENT + hashlib.sha256(data).hexdigest().encode()
    out.write(whole)
    return hashlib.sha256(whole).hexdigest()


def pack_verifier(out: BinaryIO) -> str:
    """Write the verifier alone, to be handed over apart from the evidence; gives its SHA-256 in hex."""
    buffer = io.BytesIO()
    with _archive(buffer) as archive:
        _add_verifier(archive, "None")
    out.write(buffer.getvalue())
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def _archive(buffer: io.BytesIO) -> zipfile.ZipFile:
    buffer.write(_SHEBANG)
    archive = zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED)
    # Of the size that the digest will have, since the archive's end says how long its comment is.
    archive.comment = bytes(COMMENT_SIZE)
    return archive


def _add_verifier(archive: zipfile.ZipFile, itself: str) -> None:
    archive.writestr(_info("__main__.py"), _MAIN.format(itself=itself))
    source = files("guarita.audit.evidence.verifier")
    for module in sorted(one.name for one in source.iterdir() if one.name.endswith(".py")):
        archive.writestr(_info(f"{PACKAGE}/{module}"), (source / module).read_bytes())


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _THEN)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info
