"""Where a key set stands: each place compares the fence and changes the set in one step."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from guarita.config.rotation_jwt import KeySetPlace
from guarita.rotation.errors import RotationConfigError, TransientError
from guarita.rotation.files import write_whole
from guarita.rotation.interface import Fence
from guarita.rotation.parts import Parts
from guarita.rotation.rotators.jwt.document import Change, changed, parse
from guarita.rotation.vault import CasMissError, Kv

_ATTEMPTS: Final = 8
"""At a set that others keep changing."""


class Place(Protocol):
    """One place of a key set."""

    name: str

    def read(self) -> dict[str, Any]:
        """The set as it stands there; an empty one where there is none. Raises DriftError, TransientError."""
        ...

    def change(self, change: Change, fence: Fence, now: float) -> None:
        """Change it, unless a later step has. Raises FencedOutError, and as `read`."""
        ...


def place_of(section: KeySetPlace, parts: Parts) -> Place:
    """The place that a section names."""
    if section.vault is not None:
        return VaultPlace(parts.kv, section.vault)
    if section.file is not None:
        return FilePlace(parts.folder / section.file)
    raise RotationConfigError(
        "jwt.config-map", "a key set in a ConfigMap is not supported yet", hint="name `vault` or `file`"
    )


class VaultPlace:
    """A field of a secret in a KV engine, compared by `cas`."""

    def __init__(self, kv: Kv, place: str) -> None:
        self.name = f"vault:{place}"
        self._kv = kv
        self._where, _, self._field = place.rpartition("#")

    def read(self) -> dict[str, Any]:
        return self._standing()[0]

    def change(self, change: Change, fence: Fence, now: float) -> None:
        for _ in range(_ATTEMPTS):
            document, version, others = self._standing()
            after = changed(document, change, fence, self.name, now)
            if after == document:
                return
            try:
                self._kv.put(self._where, {**others, self._field: written(after)}, cas=version)
            except CasMissError:
                continue
            return
        raise TransientError("jwt.busy", f"{self.name}: others keep changing it")

    def _standing(self) -> tuple[dict[str, Any], int, dict[str, Any]]:
        entry = self._kv.get(self._where)
        data = {} if entry is None or entry.data is None else dict(entry.data)
        text = data.get(self._field)
        document = parse(text if isinstance(text, str) else None, self.name)
        return document, 0 if entry is None else entry.version, data


class FilePlace:
    """A file, changed under a lock beside it and replaced whole: its readers see the old set or the new one."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path

    def read(self) -> dict[str, Any]:
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            text = ""
        except (OSError, UnicodeDecodeError) as error:
            raise self._failed(error) from None
        return parse(text, self.name)

    def change(self, change: Change, fence: Fence, now: float) -> None:
        with self._locked():
            document = self.read()
            after = changed(document, change, fence, self.name, now)
            if after != document:
                write_whole(self._path, written(after), mode=0o644)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        beside = self._path.with_name(f".{self._path.name}.lock")
        try:
            handle = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._failed(error) from None
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TransientError("jwt.busy", f"{self.name}: another runner is changing it") from None
            yield
        finally:
            os.close(handle)

    def _failed(self, error: OSError | UnicodeDecodeError) -> TransientError:
        return TransientError("jwt.unreadable", f"{self.name}: cannot be read ({type(error).__name__})")


def written(document: dict[str, Any]) -> str:
    """A set as it is published."""
    return json.dumps(document, separators=(",", ":"))
