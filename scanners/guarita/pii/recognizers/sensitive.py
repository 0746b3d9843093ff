"""Sensitive data (LGPD art. 5 II, GDPR art. 9 and 10): words of a class, where the sentence is about somebody.

A word alone is a subject, not a datum: an article on diabetes names no patient. So each needs somebody in its
sentence: a name, a number of a person, a pronoun, or a word such as *patient* or *réu*. This finds what is
said in common words; what is said between the lines needs a reader.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import ClassVar, Final

from guarita.pii.fold import unaccented
from guarita.pii.interface import Evidence
from guarita.pii.presidio import RecognizerResult
from guarita.pii.recognizers.base import Candidate, GuaritaRecognizer, Verdict
from guarita.pii.recognizers.hints import Hint

_SOMEBODY: Final = re.compile(
    r"\b(?:pacientes?|client[ea]|funcionari[oa]|servidora?|alun[oa]|candidat[oa]|re[us]|acusad[oa]|vitima|autora?"
    r"|requerente|segurad[oa]|titular|colaboradora?|empregad[oa]|beneficiari[oa]|crianca|menor|filh[oa]|esposa|marido"
    r"|companheir[oa]|mae|pai|ele|ela|dele|dela|eu|meu|minha|sou|estou|tenho|fui|sofro|seu|sua|sr|sra|dr|dra"
    r"|patient|employee|customer|applicant|defendant|he|she|his|her|my|me|i|i'm|mr|mrs|ms)\b",
    re.IGNORECASE,
)
_NAMED: Final = re.compile(
    r"(?<![^\W_])[A-Z][a-z]{2,}(?: (?:d[aeo]s?|e))? [A-Z][a-z]{2,}|\d{3}\.\d{3}\.\d{3}-\d{2}"
)
_BORDER: Final = re.compile(r"[.!?;]\s|\n[ \t]*\n|\n")
_REACH: Final = 160


class SensitiveRecognizer(GuaritaRecognizer):
    """Finds words of one class in sentences about somebody."""

    WORDS: ClassVar[str]
    """Words and phrases without accents, as an alternation."""
    PATTERNS: ClassVar[Sequence[tuple[str, str]]] = ()
    LABELS: ClassVar = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.PATTERNS = (("word", rf"(?<![^\W_])(?i:{cls.WORDS})(?![^\W_])"),)
        cls.HINT = Hint(f"(?i:{cls.WORDS})", 1, 1)

    def within(self, text: str, places: Iterable[tuple[int, int]]) -> list[RecognizerResult]:
        """As every recognizer, on the text without its accents."""
        return super().within(unaccented(text), places)

    def judge(self, candidate: Candidate) -> Verdict | None:
        """By whether the sentence is about somebody."""
        text, start, end = candidate.text, candidate.start, candidate.end
        low = max(0, start - _REACH)
        for border in _BORDER.finditer(text, low, start):
            low = border.end()
        following = _BORDER.search(text, end, end + _REACH)
        high = following.start() if following else min(len(text), end + _REACH)
        around = f"{text[low:start]} {text[end:high]}"
        named = _NAMED.search(around) is not None
        if _SOMEBODY.search(around):
            return Verdict(0.8 if named else 0.65, (Evidence.ABOUT_SOMEBODY,))
        return Verdict(0.55, (Evidence.ABOUT_SOMEBODY,)) if named else None


class HealthRecognizer(SensitiveRecognizer):
    """Diseases, conditions, treatments and codes of the ICD."""

    ENTITY = "PII_HEALTH"
    WORDS = (
        r"soropositiv[oa]|hiv(?: positiv[oa])?|aids|cancer|tumor|leucemia|quimioterapia|hemodialise|diabetes|diabetic[oa]"
        r"|hipertens[oa]|depressao|depression|depressive|bipolar|esquizofrenia|schizophrenia|epilepsia|epilepsy|autista"
        r"|autismo|autism|autistic|gravida|gestante|pregnant|pregnancy|aborto|abortion|hepatite|hepatitis|tuberculose"
        r"|tuberculosis|alzheimer|parkinson|deficiencia (?:visual|auditiva|fisica|intelectual)|cadeirante|transplante"
        r"|dependencia quimica|dependente quimic[oa]|alcoolatra|alcoolismo|alcoholism|tipo sanguineo|blood type"
        r"|diagnosticad[oa] com [a-z]+|diagnosed with [a-z]+|cid[ -]?10:? ?[a-z][0-9]{2}(?:\.[0-9])?|cid ?[a-z][0-9]{2}(?:\.[0-9])?"
        r"|internad[oa] com [a-z]+|chemotherapy|surgery for [a-z]+|anemia|asthma|asma|infarto|heart attack|stroke patient"
    )


class ReligionRecognizer(SensitiveRecognizer):
    """Belief and membership in a church."""

    ENTITY = "PII_RELIGION"
    WORDS = (
        r"catolic[oa]s?|evangelic[oa]s?|espirita|umbandista|umbanda|candomble|budista|buddhist|muculman[oa]|muslim|islamic[oa]"
        r"|judeu|judia|jewish|testemunha de jeova|jehovah's witness|adventista|presbiterian[oa]|mormon|hindu|ateu|ateia"
        r"|atheist|agnostic[oa]|roman catholic|converteu-se ao [a-z]+|religiao: ?[a-z]+|religion: ?[a-z]+"
    )


class EthnicityRecognizer(SensitiveRecognizer):
    """Racial or ethnic origin."""

    ENTITY = "PII_ETHNICITY"
    WORDS = (
        r"pard[oa]|negr[oa]|afrodescendente|afro-brasileir[oa]|indigena|quilombola|cigan[oa]|african american|native american"
        r"|hispanic|caucasian|indigenous|raca ?/ ?cor: ?[a-z]+|(?:raca|cor|etnia|autodeclarad[oa])[: ]{1,2}(?:branc[oa]|pret[oa]|pard[oa]|amarel[oa]|indigena|negr[oa])"
        r"|(?:race|ethnicity): ?[a-z]+|romani"
    )


class UnionRecognizer(SensitiveRecognizer):
    """Membership in a trade union."""

    ENTITY = "PII_UNION"
    WORDS = (
        r"sindicalizad[oa]|sindicalista|filiad[oa] ao sindicato|filiacao sindical|contribuicao sindical|dirigente sindical"
        r"|union member(?:ship)?|trade union(?:ist)?|labor union|shop steward|member of the [a-z]+ workers"
    )


class PoliticsRecognizer(SensitiveRecognizer):
    """Political opinion and membership in a party."""

    ENTITY = "PII_POLITICS"
    WORDS = (
        r"filiad[oa] ao (?:partido|p[a-z]{1,5}|mdb|novo|uniao brasil|republicanos)|filiacao partidaria|militante d[oe] [a-z]+"
        r"|votou em|votei em|eleitora? d[oae] [a-z]+|voted for|registered (?:democrat|republican)|party member(?:ship)?"
        r"|member of the (?:communist|labour|conservative|green|democratic|republican) party|opiniao politica|political opinions?"
    )


class SexLifeRecognizer(SensitiveRecognizer):
    """Sex life and orientation."""

    ENTITY = "PII_SEX_LIFE"
    WORDS = (
        r"homossexual|bissexual|heterossexual|transexual|transgener[oa]|travesti|lesbica|gay|homosexual|bisexual|lesbian"
        r"|transgender|orientacao sexual|sexual orientation|vida sexual|identidade de genero|gender identity|nome social"
    )


class BiometricsRecognizer(SensitiveRecognizer):
    """Biometric and genetic data."""

    ENTITY = "PII_BIOMETRICS"
    WORDS = (
        r"impress(?:ao|oes) digita(?:l|is)|biometria (?:facial|digital)|dados biometricos|reconhecimento facial|leitura da iris"
        r"|exame de dna|perfil genetico|teste genetico|biometric data|facial recognition|iris scan|dna (?:test|profile)"
        r"|genetic (?:test|profile|data)|voiceprint"
    )


class CriminalRecognizer(SensitiveRecognizer):
    """Convictions, offences and measures of security."""

    ENTITY = "PII_CRIMINAL"
    WORDS = (
        r"antecedentes criminais|ficha criminal|condenad[oa] (?:por|a|pelo)|pres[oa] (?:por|em flagrante|preventivamente)"
        r"|reincidente|foragid[oa]|indiciad[oa]|denunciad[oa] por|mandado de prisao|liberdade condicional|tornozeleira eletronica"
        r"|criminal record|convicted of|arrested for|sentenced to|charged with|on parole|felony conviction"
    )
