"""Subjects' keys wrapped by Vault's transit engine (OpenBao's too): the master key never leaves it.

Needs the extra `ledger-vault`, and a key of type aes256-gcm96, chacha20-poly1305 or another that takes associated data.
Address, token and CA come from VAULT_ADDR, VAULT_TOKEN and VAULT_CACERT.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Final

import hvac
import requests
from hvac.exceptions import InvalidRequest, VaultError

from guarita.audit.errors import LedgerUnavailableError
from guarita.audit.sealing.wrap import Wrap, other_key
from guarita.errors import UsageError

TIMEOUT: Final = 10
"""Seconds for one call to Vault."""


class TransitWrap(Wrap):
    """Wraps and unwraps by calls to Vault, one for each subject's key and process."""

    def __init__(self, mount: str, name: str, client: hvac.Client | None = None) -> None:
        self._place = f"vault:{mount}/{name}"
        self._arguments = {"name": name, "mount_point": mount}
        self._client = client or hvac.Client(timeout=TIMEOUT)

    def wrap(self, key: bytes, name: bytes) -> bytes:
        encrypt = self._client.secrets.transit.encrypt_data
        try:
            answer = self._asked(encrypt, plaintext=_text(key), associated_data=_text(name))
        except InvalidRequest:
            raise UsageError(
                "audit.sealing-key",
                f"{self._place}: not a transit key that encrypts with associated data",
                hint="make one of type aes256-gcm96",
            ) from None
        return str(answer["data"]["ciphertext"]).encode()

    def unwrap(self, kept: bytes, name: bytes) -> bytes:
        try:
            answer = self._asked(
                self._client.secrets.transit.decrypt_data,
                ciphertext=kept.decode(),
                associated_data=_text(name),
            )
        except (InvalidRequest, UnicodeDecodeError):
            raise other_key() from None
        return base64.b64decode(answer["data"]["plaintext"])

    def _asked(self, call: Callable[..., Any], **arguments: Any) -> Any:
        try:
            return call(**self._arguments, **arguments)
        except InvalidRequest:
            raise
        except (VaultError, requests.RequestException) as error:
            # Their texts may quote the request, and the request holds the key.
            raise LedgerUnavailableError(
                "audit.key-unreachable",
                f"{self._place}: Vault does not unwrap the subjects' keys ({type(error).__name__})",
                hint="VAULT_ADDR, VAULT_TOKEN, and a policy for encrypt and decrypt are needed",
            ) from None


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
