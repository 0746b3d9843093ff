"""Addresses of pages: personal where they lead to somebody's profile; off by default."""

from __future__ import annotations

import re
from typing import ClassVar, Final

from guarita.pii.interface import Evidence
from guarita.pii.recognizers.base import Candidate, GuaritaRecognizer, Verdict
from guarita.pii.recognizers.hints import Hint

_PROFILE: Final = re.compile(
    r"(?:linkedin\.com/in|facebook\.com|instagram\.com|(?:twitter|x)\.com|tiktok\.com/@|lattes\.cnpq\.br|orcid\.org"
    r"|t\.me|wa\.me)/[\w.@\-]{3,}",
    re.IGNORECASE,
)


class UrlRecognizer(GuaritaRecognizer):
    """Finds addresses of pages; a profile in a social network is likelier to be about somebody."""

    ENTITY = "PII_URL"
    HINT = Hint(r"(?i:https?://|www\.)", 1, 600)
    PATTERNS: ClassVar = (("address", r"(?<![\w@])(?i:https?://|www\.)[^\s<>\"'()\[\]{}|\\^`]{3,500}"),)
    LABELS: ClassVar = (
        "site",
        "website",
        "homepage",
        "perfil",
        "profile",
        "linkedin",
        "instagram",
        "facebook",
        "lattes",
    )

    def judge(self, candidate: Candidate) -> Verdict | None:
        """By where it leads, and its label."""
        if _PROFILE.search(candidate.value):
            return Verdict(0.85, (Evidence.FORMAT,))
        return Verdict(0.6 if candidate.labelled else 0.4, (Evidence.FORMAT,))
