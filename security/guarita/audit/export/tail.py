"""The end of a file of lines: what the last whole line is, and what a crash left after it."""

from __future__ import annotations

import os
from typing import IO, Final

_STEP: Final = 1 << 16


def last_line(file: IO[bytes]) -> tuple[bytes, int]:
    """The last line that ends with a newline (empty when there is none), and the offset after it.

    Reads backwards, so it costs the same for a file of any length.
    """
    end = file.seek(0, os.SEEK_END)
    tail, at = b"", end
    # Two newlines delimit the last whole line; fewer than two and the file's start does.
    while at and tail.count(b"\n") < 2:  # noqa: PLR2004
        step = min(_STEP, at)
        at -= step
        file.seek(at)
        tail = file.read(step) + tail
    stop = tail.rfind(b"\n") + 1
    start = tail.rfind(b"\n", 0, max(stop - 1, 0)) + 1
    return tail[start:stop], at + stop


def cut_torn(file: IO[bytes]) -> bytes:
    """Cut what a crash left after the last whole line, stand at the end, and give that line."""
    line, end = last_line(file)
    file.truncate(end)
    file.seek(end)
    return line
