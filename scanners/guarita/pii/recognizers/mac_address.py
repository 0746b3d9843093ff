"""MAC addresses: they name a device for life, and are noise in technical documents, so off by default."""

from __future__ import annotations

from typing import ClassVar

from guarita.pii.interface import Evidence
from guarita.pii.recognizers.base import Candidate, GuaritaRecognizer, Verdict
from guarita.pii.recognizers.hints import Hint

_PAIR = "[0-9A-Fa-f]{2}"
_PLACEHOLDERS = frozenset({"001122334455", "aabbccddeeff", "123456789abc", "deadbeefcafe", "0123456789ab"})


class MacAddressRecognizer(GuaritaRecognizer):
    """Finds addresses of single devices (IEEE 802): neither groups nor those that are made up locally."""

    ENTITY = "PII_MAC_ADDRESS"
    HINT = Hint(rf"{_PAIR}[:\-]{_PAIR}[:\-]{_PAIR}", 1, 12)
    PATTERNS: ClassVar = (
        ("colons", rf"(?<![\w:])(?:{_PAIR}:){{5}}{_PAIR}(?![\w:])"),
        ("hyphens", rf"(?<![\w\-])(?:{_PAIR}-){{5}}{_PAIR}(?![\w\-])"),
    )
    LABELS: ClassVar = ("mac", "mac address", "endereco mac", "hardware address", "ether", "hwaddr")

    def judge(self, candidate: Candidate) -> Verdict | None:
        """By the bits of its first byte, and its label."""
        value = candidate.value.replace(":", "").replace("-", "").lower()
        if int(value[:2], 16) & 3 or len(set(value)) < 4 or value in _PLACEHOLDERS:  # noqa: PLR2004
            return None
        return Verdict(0.7 if candidate.labelled else 0.5, (Evidence.FORMAT,))
