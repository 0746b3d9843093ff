"""Files written whole: under their name stands what was there before, or all of what is new."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from guarita.errors import GuaritaError, UsageError


def write_whole(path: Path, text: str, *, mode: int, replace: bool = True) -> None:
    """Write `text` and make it durable; a link that stands there is replaced, not followed.

    `mode` is of the new file. Raises UsageError `file.exists` where something stands and `replace` is not
    set, GuaritaError `file.unwritable`.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                os.fchmod(handle, mode)  # whatever the umask is
                file.write(text)
                file.flush()
                os.fsync(handle)
            if replace:
                beside.replace(path)
            else:
                os.link(beside, path)  # fails where something stands, which a look beforehand could miss
        finally:
            beside.unlink(missing_ok=True)
    except FileExistsError:
        raise UsageError("file.exists", f"{path}: stands there already", hint="--force replaces it") from None
    except OSError as error:
        raise GuaritaError("file.unwritable", f"{path}: {error.strerror}") from error
