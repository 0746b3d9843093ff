"""Signing keys in a file of their own, or in an environment variable."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from guarita.audit.errors import LedgerUnavailableError
from guarita.audit.keys.interface import KeySource, LogSigner
from guarita.audit.notes.ed25519 import SigningKey
from guarita.errors import UsageError


class LocalSigner(LogSigner):
    """A private key in this process's memory."""

    def __init__(self, key: SigningKey) -> None:
        self.key = key
        self.public = key.public

    def sign(self, text: bytes) -> bytes:
        return self.key.sign(text)


def _parsed(text: str, place: str) -> list[SigningKey]:
    keys = []
    for number, line in enumerate(filter(None, map(str.strip, text.splitlines())), 1):
        try:
            keys.append(SigningKey.parse(line))
        except UsageError as error:
            raise UsageError(
                "audit.key-malformed",
                f"{place}: key {number} cannot be read",
                hint="a line is PRIVATE+KEY+NAME+ID+BASE64, as `guarita audit key` writes it",
            ) from error
    return keys


def _of(keys: list[SigningKey], origin: str, place: str) -> list[LogSigner]:
    for key in keys:
        if key.name != origin:
            raise UsageError(
                "audit.key-origin",
                f"{place}: a key of the log {key.name}, and this log is {origin}",
                hint="name this log's key, or a new place for a new one, as `ledger.key`",
            )
    return [LocalSigner(key) for key in keys]


class FileKeys(KeySource):
    """Private keys in a file that only its owner can read, newest first, one a line."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    @property
    def origin(self) -> str | None:
        keys = self._read()
        return keys[0].name if keys else None

    def load(self, origin: str) -> list[LogSigner]:
        return _of(self._read(), origin, str(self.path))

    def add(self, origin: str) -> None:
        known = self._read()
        self._write([SigningKey.generate(origin), *known], fresh=not known)

    def forget(self, vkeys: set[str]) -> None:
        kept = [key for key in self._read() if key.public.vkey not in vkeys]
        self._write(kept, fresh=False)

    def paths(self) -> tuple[Path, ...]:
        return (self.path,)

    def _read(self) -> list[SigningKey]:
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise LedgerUnavailableError(
                "audit.key-unreadable", f"{self.path}: the signing key cannot be read: {error.strerror}"
            ) from error
        with os.fdopen(descriptor, encoding="utf-8", errors="replace") as file:
            mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
            if mode & 0o077:
                raise UsageError(
                    "audit.key-permissions",
                    f"{self.path}: the signing key has mode {mode:04o}, so others can read it",
                    hint=f"chmod 600 {self.path}, and rotate it if somebody may have",
                )
            return _parsed(file.read(), str(self.path))

    def _write(self, keys: list[SigningKey], *, fresh: bool) -> None:
        beside = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.writelines(f"{key.encode()}\n" for key in keys)
                file.flush()
                os.fsync(descriptor)
            if fresh:
                # Of two processes that make the first key only one may win.
                with contextlib.suppress(FileExistsError):
                    os.link(beside, self.path)
            else:
                beside.replace(self.path)
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise LedgerUnavailableError(
                "audit.key-unwritable", f"{self.path}: the signing key cannot be kept: {error.strerror}"
            ) from error
        finally:
            beside.unlink(missing_ok=True)


class EnvironmentKeys(KeySource):
    """Private keys in an environment variable, newest first, apart by white space."""

    def __init__(self, variable: str, environment: Mapping[str, str] = os.environ) -> None:
        self.variable = variable
        self._environment = environment

    @property
    def origin(self) -> str | None:
        keys = self._read()
        return keys[0].name if keys else None

    def load(self, origin: str) -> list[LogSigner]:
        return _of(self._read(), origin, f"${self.variable}")

    def add(self, origin: str) -> None:
        raise UsageError(
            "audit.key-source",
            f"${self.variable}: Guarita cannot put a key for {origin} there",
            hint="make one with `guarita audit key generate`, and put its line before the others",
        )

    def forget(self, vkeys: set[str]) -> None:
        """Nothing: who filled the variable empties it."""

    def _read(self) -> list[SigningKey]:
        text = "\n".join(self._environment.get(self.variable, "").split())
        return _parsed(text, f"${self.variable}")
