"""Addresses of Bitcoin (Base58Check, BIP 173 and BIP 350) and Ethereum (EIP-55): pseudonyms of their owners."""

from __future__ import annotations

import hashlib
import re
from typing import ClassVar, Final

from guarita.pii.interface import Evidence
from guarita.pii.recognizers.base import Candidate, GuaritaRecognizer, Verdict
from guarita.pii.recognizers.hints import Hint

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATORS: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUMS: Final = frozenset({1, 0x2BC830A3})
"""BIP 173's constant, and that of BIP 350."""


def valid_base58(value: str) -> bool:
    """Whether the last four bytes are the start of a double SHA-256 of the others."""
    number = 0
    for sign in value:
        number = number * 58 + _BASE58.index(sign)
    content = number.to_bytes(25, "big") if number < 1 << 200 else b""
    return (
        bool(content) and hashlib.sha256(hashlib.sha256(content[:-4]).digest()).digest()[:4] == content[-4:]
    )


def valid_bech32(value: str) -> bool:
    """Whether an address that starts with `bc1` satisfies its checksum."""
    checksum = 1
    expanded = [3, 3, 0, 2, 3, *(_BECH32.index(sign) for sign in value[3:])]
    for item in expanded:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ item
        for bit, generator in enumerate(_GENERATORS):
            checksum ^= generator if top >> bit & 1 else 0
    return checksum in _CHECKSUMS


class CryptoAddressRecognizer(GuaritaRecognizer):
    """Finds addresses by their checksums; those of Ethereum in one case only beside a label."""

    ENTITY = "PII_CRYPTO_ADDRESS"
    HINT = Hint(r"[13][1-9A-HJ-NP-Za-km-z]{25}|(?i:bc1)[02-9ac-hj-np-z]{20}|0x[0-9a-fA-F]{40}", 1, 48)
    PATTERNS: ClassVar = (
        ("Base58", r"(?<!\w)[13][1-9A-HJ-NP-Za-km-z]{25,34}(?!\w)"),
        ("Bech32", r"(?<!\w)bc1[02-9ac-hj-np-z]{20,71}(?!\w)"),
        ("Ethereum", r"(?<!\w)0x[0-9a-fA-F]{40}(?!\w)"),
    )
    LABELS: ClassVar = (
        "bitcoin",
        "btc",
        "wallet",
        "carteira",
        "ethereum",
        "eth",
        "crypto",
        "endereco da carteira",
    )

    def judge(self, candidate: Candidate) -> Verdict | None:
        """By checksum, or label."""
        if candidate.pattern == "Ethereum":
            mixed = re.search("[a-f]", candidate.value[2:]) and re.search("[A-F]", candidate.value)
            if len(set(candidate.value[2:])) < 8:  # noqa: PLR2004  # zero and other placeholders
                return None
            return (
                Verdict(0.9 if candidate.labelled else 0.6, (Evidence.FORMAT,))
                if mixed or candidate.labelled
                else None
            )
        valid = valid_base58 if candidate.pattern == "Base58" else valid_bech32
        return Verdict(0.95, (Evidence.CHECK_DIGITS, Evidence.FORMAT)) if valid(candidate.value) else None
