"""Recognizers that somebody writes in guarita.yaml: patterns, labels, a check."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final

from guarita.config.pii import RecognizerSection
from guarita.pii.checkdigits import digits, luhn, mod97
from guarita.pii.fold import unaccented
from guarita.pii.interface import Evidence
from guarita.pii.labels import Labels
from guarita.pii.presidio import RecognizerResult
from guarita.pii.recognizers.base import SUSPECT, Candidate, GuaritaRecognizer, Verdict
from guarita.pii.recognizers.cnpj import valid_cnpj
from guarita.pii.recognizers.cpf import valid_cpf
from guarita.pii.recognizers.hints import Hint

_SHORTEST_IBAN: Final = 5


def _luhn(value: str) -> bool:
    number = digits(value)
    return bool(number) and luhn(number)


def _mod97(value: str) -> bool:
    plain = "".join(sign for sign in value.upper() if sign.isascii() and sign.isalnum())
    return len(plain) >= _SHORTEST_IBAN and mod97(plain)


_CHECKS: Final[Mapping[str, Callable[[str], bool]]] = MappingProxyType(
    {"luhn": _luhn, "mod97": _mod97, "cpf": valid_cpf, "cnpj": valid_cnpj}
)


class ConfiguredRecognizer(GuaritaRecognizer):
    """A recognizer by its section in guarita.yaml. Its patterns are run by RE2, so none can take long."""

    ENTITY = ""
    PATTERNS: ClassVar = ()
    LABELS: ClassVar = ()
    HINT = Hint("(?s:.+)", 0, 0)

    def __init__(self, section: RecognizerSection, compiled: Iterable[Any]) -> None:
        """`compiled` are the section's patterns as RE2 compiles them."""
        self.ENTITY = section.entity  # type: ignore[misc]  # of this instance
        self.PATTERNS = [(f"pattern {number}", text) for number, text in enumerate(section.patterns, start=1)]  # type: ignore[misc, assignment]
        super().__init__()
        self.name: str = section.name
        self.context = list(section.labels)
        self._labels = Labels(map(_plain, section.labels)) if section.labels else None
        self._section = section
        self._patterns = [(f"pattern {number}", pattern) for number, pattern in enumerate(compiled, start=1)]

    def within(self, text: str, places: Iterable[tuple[int, int]]) -> list[RecognizerResult]:
        """Every match in the text: patterns of somebody else's may match anywhere."""
        results = []
        for name, pattern in self._patterns if tuple(places) else ():
            for match in pattern.finditer(text):
                start, end = match.span()
                if start == end:
                    continue
                distance = self._labels.distance(text, start, end) if self._labels else None
                candidate = Candidate(match.group(), name, distance is not None, text, start, end)
                verdict = self.judge(candidate)
                if verdict is not None:
                    results.append(self._result(candidate, verdict, distance))
        return results

    def judge(self, candidate: Candidate) -> Verdict | None:
        """By its check and its label."""
        check = _CHECKS.get(self._section.check)
        if check is not None and not check(candidate.value):
            return SUSPECT if candidate.labelled else None
        evidence = (Evidence.PATTERN,) if check is None else (Evidence.PATTERN, Evidence.CHECK_DIGITS)
        return Verdict(self._section.labelled if candidate.labelled else self._section.alone, evidence)


def _plain(label: str) -> str:
    return unaccented(label).lower()
