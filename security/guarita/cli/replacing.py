"""Files that take their name only when they are whole: who reads there sees the old one or the new one."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from guarita.errors import GuaritaError


@contextlib.contextmanager
def replacing(path: Path, *, code: str = "file.unwritable") -> Iterator[BinaryIO]:
    """Write beside `path`, and put it there at the end. Raises GuaritaError of this `code` when that fails."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with beside.open("xb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        beside.replace(path)
    except OSError as error:
        raise GuaritaError(code, f"{path}: {error.strerror or 'cannot be written'}") from error
    finally:
        beside.unlink(missing_ok=True)
