"""IP addresses: personal data in some uses (GDPR recital 30), noise in documentation, so off by default."""

from __future__ import annotations

import ipaddress
from typing import ClassVar

from guarita.pii.interface import Evidence
from guarita.pii.recognizers.base import Candidate, GuaritaRecognizer, Verdict
from guarita.pii.recognizers.hints import Hint


class IpAddressRecognizer(GuaritaRecognizer):
    """Finds addresses that lead somewhere: not private, reserved or documentation ranges (RFC 6890, RFC 5737)."""

    ENTITY = "PII_IP_ADDRESS"
    HINT = Hint(r"[0-9]\.[0-9]|:[0-9A-Fa-f]{0,4}:", 16, 40)
    PATTERNS: ClassVar = (
        ("IPv4", r"(?<![\w.\-])(?:\d{1,3}\.){3}\d{1,3}(?![\w\-]|\.\d)"),
        ("IPv6", r"(?<![\w:.])(?=[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:]{3,39}(?![\w:])"),
    )
    LABELS: ClassVar = ("ip", "ip address", "endereco ip", "client ip", "remote addr", "x-forwarded-for")

    def judge(self, candidate: Candidate) -> Verdict | None:
        """By range; a label makes it likelier to be a client's."""
        try:
            address = ipaddress.ip_address(candidate.value)
        except ValueError:
            return None
        if not address.is_global or address.is_multicast:
            return None
        return Verdict(0.6 if candidate.labelled else 0.4, (Evidence.FORMAT,))
