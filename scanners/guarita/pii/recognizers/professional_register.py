"""Numbers of professionals in Brazil: lawyers (OAB), doctors (CRM) and others, each with its state. Off by default."""

from __future__ import annotations

from typing import ClassVar

from guarita.pii.interface import Evidence
from guarita.pii.recognizers.base import Candidate, GuaritaRecognizer, Verdict
from guarita.pii.recognizers.hints import Hint

_STATES = "A[CLMP]|BA|CE|DF|ES|GO|M[AGST]|P[ABEIR]|R[JNORS]|S[CEP]|TO"
_COUNCILS = "OAB|CRM|CRO|CREA|CRC|CRP|COREN|CREFITO|CRF|CRMV|CAU|CREF|CRN"


class ProfessionalRegisterRecognizer(GuaritaRecognizer):
    """Finds registrations with a council: the number with the council's name."""

    ENTITY = "PII_PROFESSIONAL_REGISTER"
    COUNTRY_CODE = "br"
    HINT = Hint(f"(?:{_COUNCILS})", 0, 40)
    PATTERNS: ClassVar = (
        (
            "council",
            (
                rf"(?<!\w)(?:{_COUNCILS})[ /\-]{{0,3}}(?:(?:{_STATES})[ :.\-/]{{0,3}})?(?:(?:n|nº|n°|no)[ .:]{{0,2}})?"
                rf"\d{{1,3}}\.?\d{{3}}(?:-?[A-Z])?(?:[ /\-]{{1,2}}(?:{_STATES}))?(?![\w])"
            ),
        ),
    )
    LABELS: ClassVar = ()

    def judge(self, candidate: Candidate) -> Verdict | None:  # noqa: ARG002  # the form says it all
        """By its form."""
        return Verdict(0.85, (Evidence.FORMAT,))
