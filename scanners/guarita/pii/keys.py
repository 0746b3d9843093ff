"""Keyed digests of personal data: fingerprints that change with time, tokens that do not, each tenant's its own.

All come from one master key by HKDF (RFC 5869) and are HMAC-SHA-256: without the key nobody can try values, of which
there are few (all CPFs take minutes).
"""

from __future__ import annotations

import base64
import functools
import hmac
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from guarita.audit import Secret
from guarita.config.secret_place import SecretPlace
from guarita.errors import GuaritaError, MissingExtraError, UsageError

DEFAULT_FILE: Final = ".guarita/pii.key"
SHORTEST: Final = 32
"""Characters of a master key: 32 hex digits are 128 bits."""
_DAY_MS: Final = 86_400_000
_NONCE: Final = 12


class Keyring:
    """What is derived from one master key. Its repr shows nothing of it."""

    def __init__(self, master: Secret, *, fingerprint_days: int = 30) -> None:
        self._master = master
        self._days = fingerprint_days
        # Derived once: deriving costs more than using.
        self._derived = functools.lru_cache(maxsize=1024)(self._derive)

    def period(self, time: int) -> str:
        """The name of the period that a time (ms since the epoch) is in; fingerprints of another do not compare."""
        return f"{self._days}d{time // (_DAY_MS * self._days)}"

    def fingerprint(self, tenant: str, period: str, entity: str, canonical: str) -> str:
        """16 hex digits that stand for a datum in the ledger during one period."""
        return self._digest(("fingerprint", tenant, period), entity, canonical)[:8].hex()

    def token(self, tenant: str, entity: str, canonical: str) -> bytes:
        """16 bytes by which the subject index knows a datum."""
        return self._digest(("subject", tenant), entity, canonical)[:16]

    def hashed(self, tenant: str, entity: str, canonical: str) -> bytes:
        """12 bytes that stand for a datum in a redacted document."""
        return self._digest(("hash", tenant), entity, canonical)[:12]

    def document(self, tenant: str, digest: str) -> str:
        """The name of a document in the ledger, for the SHA-256 (hex) of its content: 32 hex digits.

        A plain digest of a document that holds little else than a number would be a way to find the number.
        """
        return self._digest(("document", tenant), "", digest)[:16].hex()

    def sealed(self, purpose: str, text: str) -> str:
        """A text under AES-256-GCM, in base64: for where something is kept or sent that may name somebody."""
        nonce = os.urandom(_NONCE)
        cipher = AESGCM(self._derived(("seal", purpose))).encrypt(
            nonce, text.encode("utf-8", "surrogateescape"), None
        )
        return base64.urlsafe_b64encode(nonce + cipher).decode()

    def unsealed(self, purpose: str, sealed: str) -> str:
        """The text again. Raises UsageError `pii.sealed` when it was not sealed for this purpose under this key."""
        try:
            data = base64.urlsafe_b64decode(sealed)
            text = AESGCM(self._derived(("seal", purpose))).decrypt(data[:_NONCE], data[_NONCE:], None)
        except (InvalidTag, ValueError):
            raise UsageError(
                "pii.sealed",
                "what is sealed here was sealed under another key",
                hint="look at pii.key in guarita.yaml",
            ) from None
        return text.decode("utf-8", "surrogateescape")

    def _digest(self, purpose: tuple[str, ...], entity: str, text: str) -> bytes:
        message = b"\0".join((entity.encode(), text.encode("utf-8", "surrogatepass")))
        return hmac.digest(self._derived(purpose), message, "sha256")

    def _derive(self, purpose: tuple[str, ...]) -> bytes:
        info = "\0".join(("guarita/pii/v1", *purpose)).encode()
        return HKDF(SHA256(), 32, salt=None, info=info).derive(self._master.reveal().encode())


def read_key(
    source: SecretPlace | None,
    folder: Path,
    *,
    environment: Mapping[str, str] = os.environ,
    timeout: float = 10.0,
) -> Secret:
    """The master key; with no source the file `.guarita/pii.key` in `folder`, made when it is not there.

    Raises UsageError `pii.key` with the place and never the key, MissingExtraError, GuaritaError
    `pii.key-unreachable`.
    """
    if source is None:
        return _own(folder / DEFAULT_FILE)
    if source.env is not None:
        return _checked(environment.get(source.env, ""), f"the environment variable {source.env}")
    if source.file is not None:
        return _checked(_private(folder / source.file), str(folder / source.file))
    place = source.vault or ""
    return _checked(_from_vault(place, timeout), f"vault:{place}")


def _own(path: Path) -> Secret:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written apart and linked, so that of two who make it at once both use the first.
        own = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        if not path.exists():
            with os.fdopen(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_hex(32) + "\n")
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(own, path)
            except FileExistsError:
                pass
            finally:
                own.unlink()
    except OSError as error:
        raise UsageError(
            "pii.key",
            f"{path}: the key of fingerprints cannot be made: {error.strerror}",
            hint="name one by pii.key in guarita.yaml",
        ) from error
    return _checked(_private(path), str(path))


def _private(path: Path) -> str:
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise UsageError(
                    "pii.key",
                    f"{path}: the key has mode {mode:04o}, so others can read it",
                    hint=f"chmod 600 {path}",
                )
            return file.read(4096)
    except OSError as error:
        raise UsageError("pii.key", f"{path}: cannot be read: {error.strerror}") from error


def _checked(text: str, where: str) -> Secret:
    text = text.strip()
    if len(text) < SHORTEST or not text.isprintable():
        raise UsageError(
            "pii.key",
            f"{where}: holds no key of at least {SHORTEST} characters",
            hint="openssl rand -hex 32 makes one",
        )
    return Secret(text)


def _from_vault(place: str, timeout: float) -> str:
    try:
        from guarita.pii.pseudonyms.vault import read_field  # noqa: PLC0415  # needs an extra
    except ModuleNotFoundError as error:
        raise MissingExtraError("pii-vault", error.name or "hvac") from error
    found = read_field(place, timeout=timeout)
    if not isinstance(found, str):
        raise GuaritaError("pii.key-unreachable", f"vault:{place}: there is no such field")
    return found
