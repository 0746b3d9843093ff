"""Pseudonyms by convergent encryption in Vault's (or OpenBao's) transit engine.

The key never leaves Vault, and nothing is kept anywhere: a pseudonym is the datum, encrypted. The alternative, a token
with a table of what it stands for, would put all data in one place, which is what the documents are redacted to avoid.
Convergent means that the nonce follows from the text and the context: one datum of a tenant and type has one
pseudonym under one version of the key, so that redacted documents can still be joined. Each tenant and type has a key
of its own, derived by the context.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final, Self

import hvac

from guarita.config.pii_handling import PseudonymSection
from guarita.errors import UsageError
from guarita.pii.pseudonyms.vault import VaultRefusedError, asked

BATCH: Final = 150
"""Data in one call: OpenBao refuses a request with a thousand strings, and each datum brings up to five."""
_VERSION: Final = 2
"""Bytes before the ciphertext that hold the key's version."""
_PREFIX: Final = "vault:v"


class TransitPseudonyms:
    """Makes pseudonyms and turns them back. It holds no key and no datum."""

    def __init__(self, place: str, client: hvac.Client, *, version: int | None = None) -> None:
        """`place` is MOUNT/KEY; the key is of type aes256-gcm96 with `derived` and `convergent_encryption`."""
        mount, _, self._name = place.rpartition("/")
        self._mount = mount
        self._place = f"vault:{place}"
        self._client = client
        self._version = version
        self._proven = False

    @classmethod
    def of(cls, section: PseudonymSection) -> Self:
        """What a section describes."""
        return cls(section.transit, hvac.Client(timeout=section.timeout_seconds), version=section.version)

    def seal(self, tenant: str, data: Sequence[tuple[str, str]]) -> list[bytes]:
        """The pseudonyms of (entity, text) pairs: the key's version in two bytes, then the ciphertext.

        Raises UsageError `pii.pseudonym-key` for a key that does not give one pseudonym for one datum,
        VaultUnavailableError, VaultRefusedError.
        """
        if not self._proven:
            # A key that is not there is made by Vault at its first use, and not a convergent one.
            first, second = self._sealed(tenant, [("PII_PROBE", "probe")] * 2)
            if first != second:
                raise UsageError(
                    "pii.pseudonym-key",
                    f"{self._place}: this key gives the same text another cipher each time",
                    hint="make it with derived=true convergent_encryption=true type=aes256-gcm96",
                )
            self._proven = True
        answer: list[bytes] = []
        for start in range(0, len(data), BATCH):
            answer += self._sealed(tenant, data[start : start + BATCH])
        return answer

    def open(self, tenant: str, sealed: Sequence[tuple[str, bytes]]) -> list[str]:
        """The texts of (entity, pseudonym) pairs.

        Raises VaultRefusedError `pii.pseudonym` when one of them is not of this tenant, type and key, and as `seal`.
        """
        answer: list[str] = []
        for start in range(0, len(sealed), BATCH):
            items = [
                {"ciphertext": _cipher(token), "context": _context(tenant, entity)}
                for entity, token in sealed[start : start + BATCH]
            ]
            for result in self._batch(self._client.secrets.transit.decrypt_data, "ciphertext", items):
                if result.get("error"):
                    raise VaultRefusedError(
                        "pii.pseudonym",
                        f"{self._place}: a pseudonym is not of this tenant, or not under this key",
                        hint="name the tenant that the document is of",
                    )
                answer.append(base64.b64decode(result["plaintext"]).decode("utf-8", "replace"))
        return answer

    def _sealed(self, tenant: str, data: Sequence[tuple[str, str]]) -> list[bytes]:
        items: list[dict[str, Any]] = [
            {"plaintext": _text(text), "context": _context(tenant, entity)} for entity, text in data
        ]
        if self._version is not None:
            items = [{**item, "key_version": self._version} for item in items]
        results = self._batch(self._client.secrets.transit.encrypt_data, "plaintext", items)
        return [_bytes(str(result["ciphertext"])) for result in results]

    def _batch(self, call: Any, field: str, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        def batch(**arguments: Any) -> Any:
            try:
                return call(**arguments)
            except hvac.exceptions.InvalidRequest as error:
                # Vault answers 400 when any one of a batch fails; which one stands in its body.
                body = error.json if isinstance(error.json, dict) else {}
                if not isinstance(body.get("data"), dict):
                    raise
                return body

        answer = asked(
            self._place, batch, name=self._name, mount_point=self._mount, **{field: ""}, batch_input=items
        )
        results: list[dict[str, Any]] = answer["data"]["batch_results"]
        return results


def _context(tenant: str, entity: str) -> str:
    return _text(f"guarita/pii/v1\0{tenant}\0{entity}")


def _text(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "replace")).decode()


def _bytes(cipher: str) -> bytes:
    version, _, data = cipher.removeprefix(_PREFIX).partition(":")
    return int(version).to_bytes(_VERSION, "big") + base64.b64decode(data)


def _cipher(token: bytes) -> str:
    version = int.from_bytes(token[:_VERSION], "big")
    return f"{_PREFIX}{version}:{base64.b64encode(token[_VERSION:]).decode()}"
