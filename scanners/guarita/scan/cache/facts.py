"""What every cached result hangs on beside its content: our code, what is installed, the interpreter."""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from guarita.scan.installed import distributions

PARTS = ("guarita.scan", "guarita.pii", "guarita.policy.severity", "guarita.policy.gate", "guarita.process")
"""The packages whose code and data decide what is found."""
SOURCES = (".py", ".yaml", ".yml", ".json", ".txt", ".onnx")


@functools.cache
def installation() -> str:
    """SHA-256, hex, over the code here and the names and versions of all installed distributions."""
    digest = hashlib.sha256()
    for name, content in _code():
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    for line in (sys.version, platform.machine(), *distributions()):
        digest.update(line.encode("utf-8", "surrogateescape") + b"\0")
    return digest.hexdigest()


def _code() -> Iterator[tuple[str, bytes]]:
    for part in PARTS:
        if importlib.util.find_spec(part) is None:
            continue
        for folder in importlib.import_module(part).__path__:
            for path in sorted(_files(folder)):
                yield part + path[len(folder) :], Path(path).read_bytes()


def _files(folder: str) -> Iterator[str]:
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            if entry.name != "__pycache__":
                yield from _files(entry.path)
        elif entry.name.endswith(SOURCES):
            yield entry.path
