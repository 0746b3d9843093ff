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
from guarita.rotation.errors import TransientError
from guarita.rotation.files import write_whole
from guarita.rotation.interface import Fence
from guarita.rotation.kube.api import AmbiguousError, Api, ConflictError, ExistsError, segment
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
    if section.config_map is not None:
        return ConfigMapPlace(parts, section.cluster, section.config_map)
    raise AssertionError  # the section names one of the three


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


class ConfigMapPlace:
    """A key of a ConfigMap, compared by `resourceVersion`."""

    def __init__(self, parts: Parts, cluster: str, place: str) -> None:
        self.name = f"configmap:{cluster}/{place}"
        self._parts, self._cluster = parts, cluster
        where, _, self._key = place.partition("#")
        self._namespace, _, self._map = where.partition("/")

    def read(self) -> dict[str, Any]:
        return self._document(self._api.get(self._path(self._map)))

    def change(self, change: Change, fence: Fence, now: float) -> None:
        for _ in range(_ATTEMPTS):
            standing = self._api.get(self._path(self._map))
            document = self._document(standing)
            after = changed(document, change, fence, self.name, now)
            if after == document:
                return
            try:
                self._put(standing, written(after))
            except (ConflictError, ExistsError, AmbiguousError):
                continue  # what stands there now is looked at
            return
        raise TransientError("jwt.busy", f"{self.name}: others keep changing it")

    def _put(self, standing: dict[str, Any] | None, text: str) -> None:
        if standing is None:
            metadata = {"name": self._map, "namespace": self._namespace}
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {self._key: text}}
            self._api.create(self._path(), body)
        else:
            data = {**(standing.get("data") or {}), self._key: text}
            self._api.replace(self._path(self._map), {**standing, "data": data})

    def _document(self, standing: dict[str, Any] | None) -> dict[str, Any]:
        return parse(((standing or {}).get("data") or {}).get(self._key), self.name)

    def _path(self, name: str = "") -> str:
        root = f"/api/v1/namespaces/{segment(self._namespace)}/configmaps"
        return f"{root}/{segment(name)}" if name else root

    @property
    def _api(self) -> Api:
        return self._parts.api(self._cluster)


def written(document: dict[str, Any]) -> str:
    """A set as it is published."""
    return json.dumps(document, separators=(",", ":"))
