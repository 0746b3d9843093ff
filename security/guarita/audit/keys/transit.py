"""Signing keys that never leave Vault: an Ed25519 key of its transit engine (OpenBao's too).

Needs the extra `ledger-vault`. Address, token and CA come from VAULT_ADDR, VAULT_TOKEN and VAULT_CACERT.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import hvac
import requests
from hvac.exceptions import InvalidPath, VaultError

from guarita.audit.errors import LedgerUnavailableError
from guarita.audit.keys.interface import KeySource, LogSigner
from guarita.audit.notes.ed25519 import KEY_SIZE, VerifyingKey
from guarita.errors import UsageError

TIMEOUT = 10
"""Seconds for one call to Vault."""


class TransitSigner(LogSigner):
    """One version of a transit key."""

    def __init__(self, keys: TransitKeys, version: int, public: VerifyingKey) -> None:
        self._keys = keys
        self._version = version
        self.public = public

    def sign(self, text: bytes) -> bytes:
        return self._keys.signature(self._version, text)


class TransitKeys(KeySource):
    """The versions of one transit key, newest first."""

    def __init__(self, mount: str, name: str, client: hvac.Client | None = None) -> None:
        self.mount = mount
        self.key = name
        self._client = client or hvac.Client(timeout=TIMEOUT)

    def load(self, origin: str) -> list[LogSigner]:
        try:
            answer = self._asked(self._client.secrets.transit.read_key)
        except InvalidPath:
            return []
        data = answer["data"]
        if data.get("type") != "ed25519":
            raise UsageError("audit.key-malformed", f"{self._place}: not an ed25519 key")
        oldest = data.get("min_available_version", 0) or data.get("min_decryption_version", 0)
        versions = sorted(int(version) for version in data["keys"] if int(version) >= oldest)
        return [
            TransitSigner(self, version, _public(origin, data["keys"][str(version)]["public_key"]))
            for version in reversed(versions)
        ]

    def add(self, origin: str) -> None:
        if self.load(origin):
            self._asked(self._client.secrets.transit.rotate_key)
        else:
            self._asked(self._client.secrets.transit.create_key, key_type="ed25519")

    def forget(self, vkeys: set[str]) -> None:
        """Nothing: trimming versions is final, and Vault's administrator's to decide."""

    def signature(self, version: int, text: bytes) -> bytes:
        """Have Vault sign with this version of the key."""
        answer = self._asked(
            self._client.secrets.transit.sign_data,
            hash_input=base64.b64encode(text).decode(),
            key_version=version,
        )
        return base64.b64decode(answer["data"]["signature"].rpartition(":")[2])

    @property
    def _place(self) -> str:
        return f"vault:{self.mount}/{self.key}"

    def _asked(self, call: Callable[..., Any], **arguments: Any) -> Any:
        try:
            return call(name=self.key, mount_point=self.mount, **arguments)
        except InvalidPath:
            raise
        except (VaultError, requests.RequestException) as error:
            # Their texts may quote the request's headers.
            raise LedgerUnavailableError(
                "audit.key-unreachable",
                f"{self._place}: Vault does not give the signing key ({type(error).__name__})",
                hint="VAULT_ADDR, VAULT_TOKEN, and a policy for the transit key are needed",
            ) from None


def _public(origin: str, encoded: str) -> VerifyingKey:
    public = base64.b64decode(encoded)
    if len(public) != KEY_SIZE:
        raise UsageError("audit.key-malformed", "Vault gives a public key that is not Ed25519's")
    return VerifyingKey(origin, public)
