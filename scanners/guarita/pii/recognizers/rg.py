"""RG: the number of a Brazilian identity card. Each state has its own form, so its label must name it."""

from __future__ import annotations

import re
from typing import ClassVar, Final

from guarita.pii.checkdigits import digits, repeated
from guarita.pii.interface import Evidence
from guarita.pii.recognizers.base import Candidate, GuaritaRecognizer, Verdict, alone
from guarita.pii.recognizers.hints import Hint

_USUAL: Final = re.compile(r"\d{1,2}\.\d{3}\.\d{3}-[\dXx]")
_STATES: Final = "A[CLMP]|BA|CE|DF|ES|GO|M[AGST]|P[ABEIR]|R[JNORS]|S[CEP]|TO"
_ISSUER: Final = re.compile(
    r"[ ,/\-]{1,3}(?:expedid[ao] (?:pel[ao] )?)?(?:SSP|SDS|DETRAN|PC|IFP|SESP|SJS)(?![^\W_])"
)


class RgRecognizer(GuaritaRecognizer):
    """Finds identity cards beside their label, or before the office that issued them."""

    ENTITY = "PII_RG"
    COUNTRY_CODE = "br"
    HINT = Hint(r"[0-9](?:[ .\-]{0,2}[0-9]){4,}", 5, 4)
    PATTERNS: ClassVar = (
        (
            "RG",
            alone(
                rf"(?:(?:{_STATES})[ \-]{{0,2}})?\d{{1,2}}[. ]?\d{{3}}[. ]?\d{{3}}(?:[ ]?[\-/][ ]?[\dXx]|[\dXx])?"
            ),
        ),
        ("short", alone(r"\d{2,3}\.\d{3}(?:-[\dXx])?")),
    )
    LABELS: ClassVar = (
        "rg",
        "r.g.",
        "registro geral",
        "identidade",
        "cedula de identidade",
        "carteira de identidade",
        "documento de identidade",
        "identity card",
        "id card",
        "identity document",
    )

    def judge(self, candidate: Candidate) -> Verdict | None:
        """By label, issuing office and form."""
        value = digits(candidate.value)
        if repeated(value) or value in {"123456789", "12345678"}:
            return None
        usual = _USUAL.fullmatch(candidate.value) is not None
        issued = _ISSUER.match(candidate.text, candidate.end) is not None
        evidence = (Evidence.FORMAT,) if usual or issued else ()
        if candidate.labelled:
            return Verdict(0.93 if usual or issued else 0.75, evidence)
        return Verdict(0.85, evidence) if issued else None
