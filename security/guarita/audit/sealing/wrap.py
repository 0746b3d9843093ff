"""Wrapping the subjects' keys under a master key, so that the key store alone opens nothing."""

from __future__ import annotations

import abc
import base64
import binascii
import functools
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from guarita.audit.errors import LedgerUnavailableError
from guarita.audit.sealing.interface import KEY_SIZE
from guarita.errors import UsageError

VARIABLE: Final = "GUARITA_SEALING_KEY"
"""The environment variable that holds the master key, where it is set and nothing else is named."""
_NONCE: Final = 12


class Wrap(abc.ABC):
    """Encrypts keys for keeping. `name` binds a wrapped key to its place."""

    @abc.abstractmethod
    def wrap(self, key: bytes, name: bytes) -> bytes:
        """What is kept of a key. Raises LedgerUnavailableError when the master key cannot be used now."""

    @abc.abstractmethod
    def unwrap(self, kept: bytes, name: bytes) -> bytes:
        """The key. Raises UsageError `audit.sealing-key` when another master key wrapped it."""


class Bare(Wrap):
    """No master key: the key store's file holds the keys themselves, and its mode 0600 guards them."""

    def wrap(self, key: bytes, name: bytes) -> bytes:  # noqa: ARG002  # the seam has it
        return key

    def unwrap(self, kept: bytes, name: bytes) -> bytes:  # noqa: ARG002  # the seam has it
        if len(kept) != KEY_SIZE:
            raise other_key()
        return kept


class Remembering(Wrap):
    """Remembers what it unwrapped, since asking may be slow. It is asked only about what was just read."""

    def __init__(self, wrap: Wrap) -> None:
        self._wrap = wrap
        self._unwrap = functools.lru_cache(maxsize=1024)(wrap.unwrap)

    def wrap(self, key: bytes, name: bytes) -> bytes:
        return self._wrap.wrap(key, name)

    def unwrap(self, kept: bytes, name: bytes) -> bytes:
        return self._unwrap(kept, name)

    def forget(self) -> None:
        """Remember nothing any more."""
        self._unwrap.cache_clear()


class MasterKey(Wrap):
    """AES-256-GCM under a master key in this process's memory."""

    def __init__(self, master: bytes) -> None:
        self._cipher = AESGCM(master)

    def wrap(self, key: bytes, name: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, key, name)

    def unwrap(self, kept: bytes, name: bytes) -> bytes:
        try:
            return self._cipher.decrypt(kept[:_NONCE], kept[_NONCE:], name)
        except (InvalidTag, ValueError):
            raise other_key() from None


def wrapping(master: str | None, environment: Mapping[str, str] = os.environ) -> Wrap:
    """The wrapping that the configuration names: `env:VARIABLE`, `vault:MOUNT/NAME`, or a file of mode 0600.

    Variable and file hold 32 bytes in base64. Without `master` it is $GUARITA_SEALING_KEY if that is set, else
    none. Raises UsageError `audit.sealing-key`, `audit.missing-extra`.
    """
    if master is None:
        return (
            MasterKey(_decoded(environment[VARIABLE], f"${VARIABLE}"))
            if environment.get(VARIABLE)
            else Bare()
        )
    scheme, colon, rest = master.partition(":")
    if colon and scheme == "env":
        return MasterKey(_decoded(environment.get(rest, ""), f"${rest}"))
    if colon and scheme == "vault":
        return _transit(rest)
    path = Path(rest if colon and scheme == "file" else master)
    return MasterKey(_decoded(_private_text(path), str(path)))


def _transit(place: str) -> Wrap:
    mount, _, name = place.rpartition("/")
    if not mount or not name:
        raise UsageError("audit.sealing-key", f"vault:{place}: vault:MOUNT/NAME is expected")
    try:
        from guarita.audit.sealing.transit import TransitWrap  # noqa: PLC0415  # needs an extra
    except ModuleNotFoundError as error:
        raise UsageError(
            "audit.missing-extra",
            f"vault:{place}: Vault's client is not installed",
            hint="pip install 'guarita[ledger-vault]'",
        ) from error
    return TransitWrap(mount, name)


def _private_text(path: Path) -> str:
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise UsageError(
                    "audit.key-permissions",
                    f"{path}: the master key has mode {mode:04o}, so others can read it",
                    hint=f"chmod 600 {path}",
                )
            return file.read(1024)
    except OSError as error:
        raise LedgerUnavailableError(
            "audit.key-unreadable", f"{path}: the master key cannot be read: {error.strerror}"
        ) from error


def _decoded(text: str, place: str) -> bytes:
    try:
        master = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        master = b""
    if len(master) != KEY_SIZE:
        raise UsageError(
            "audit.sealing-key",
            f"{place}: a master key is {KEY_SIZE} bytes in base64",
            hint="openssl rand -base64 32",
        )
    return master


def other_key() -> UsageError:
    """The error for a key that does not unwrap."""
    return UsageError(
        "audit.sealing-key",
        "the subjects' keys were wrapped under another master key",
        hint="name the one that was used first, as `ledger.sealing_key` or $GUARITA_SEALING_KEY",
    )
