"""One scanner's results by what they hang on. What is not known for certain is never kept."""

from __future__ import annotations

import functools
import hashlib
import threading
import zlib
from collections.abc import Hashable
from typing import Any, TypeVar

import msgspec

from guarita.scan.cache.store import Store

T = TypeVar("T")
LONG = 2048
"""Bytes above which a value is packed."""


MOST = 1 << 30
"""Bytes of a value when it is unpacked."""


class Results:
    """What is remembered is held back until `confirm`: a scanner that turns out not to work leaves nothing.

    Without a store nothing is remembered. Safe from several threads.
    """

    def __init__(self, store: Store | None = None, *base: str) -> None:
        self._store = store
        self._base = hashed("guarita.results/1", *base) if store is not None else b""
        self._held: dict[bytes, bytes] = {}
        self._lock = threading.Lock()
        self.asked = 0
        """How many questions there were."""
        self.known = 0
        """How many of them had an answer."""

    def key(self, kind: str, *facts: str | bytes) -> bytes:
        """The key of a result of this kind that hangs on these facts; empty where nothing is remembered."""
        return hashed(self._base, kind, *facts) if self._store is not None else b""

    def get(self, key: bytes, kind: type[T]) -> T | None:
        """The result under the key, or None."""
        if self._store is None:
            return None
        with self._lock:
            self.asked += 1
            value = self._held.get(key)
        if value is None:
            value = self._store.get(key)
        if value is None:
            return None
        try:
            found = _decoder(kind).decode(_unpacked(value))  # type: ignore[arg-type]  # a type is hashable
        except (msgspec.DecodeError, zlib.error, UnicodeDecodeError):
            return None
        with self._lock:
            self.known += 1
        return found  # type: ignore[no-any-return]

    def put(self, key: bytes, result: object) -> None:
        """Hold a result until `confirm`. One that cannot be written (a name that is no text) is not kept."""
        if self._store is None:
            return
        try:
            value = msgspec.msgpack.encode(result)
        except (UnicodeEncodeError, TypeError, OverflowError):
            return
        packed = b"z" + zlib.compress(value, 1) if len(value) > LONG else b"r" + value
        with self._lock:
            self._held[key] = packed

    def confirm(self) -> None:
        """Hand what is held to the store."""
        with self._lock:
            held, self._held = self._held, {}
        if self._store is not None:
            for key, value in held.items():
                self._store.put(key, value)


def hashed(*facts: str | bytes) -> bytes:
    """SHA-256 over facts, each with its length, so that no two lists of facts are one."""
    digest = hashlib.sha256()
    for fact in facts:
        raw = fact.encode("utf-8", "surrogatepass") if isinstance(fact, str) else fact
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.digest()


def _unpacked(value: bytes) -> bytes:
    return zlib.decompressobj().decompress(value[1:], MOST) if value[:1] == b"z" else value[1:]


@functools.cache
def _decoder(kind: Hashable) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(kind)
