"""How bad an advisory is: its database's own word, else its CVSS vector's base score.

CVSS v3.1 specification, 7.1 and 5 (https://www.first.org/cvss/v3.1/specification-document).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from guarita.policy.gate.finding import Severity

_WORDS: Final = {
    "LOW": Severity.LOW,
    "MODERATE": Severity.MEDIUM,
    "MEDIUM": Severity.MEDIUM,
    "HIGH": Severity.HIGH,
    "CRITICAL": Severity.CRITICAL,
}
_BANDS: Final = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM), (0.1, Severity.LOW))
_IMPACT: Final = {"H": 0.56, "L": 0.22, "N": 0.0}
_WEIGHTS: Final[Mapping[str, Mapping[str, float]]] = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "UI": {"N": 0.85, "R": 0.62},
    "C": _IMPACT,
    "I": _IMPACT,
    "A": _IMPACT,
}
_RIGHTS: Final[Mapping[str, Mapping[str, float]]] = {
    "U": {"N": 0.85, "L": 0.62, "H": 0.27},
    "C": {"N": 0.85, "L": 0.68, "H": 0.5},
}


def severity_of(advisory: Mapping[str, Any]) -> tuple[Severity, str]:
    """The severity of an advisory, and what it rests on."""
    if str(advisory.get("id", "")).startswith("MAL-"):
        return Severity.CRITICAL, "judgement: the package was made to do harm"
    told = (advisory.get("database_specific") or {}).get("severity")
    if isinstance(told, str) and told.upper() in _WORDS:
        return _WORDS[told.upper()], f"published: {advisory['id']}: {told.upper()}"
    for item in advisory.get("severity") or ():
        score = base_score(str(item.get("score", ""))) if item.get("type") == "CVSS_V3" else None
        if score is not None:
            level = next((level for least, level in _BANDS if score >= least), Severity.INFO)
            return level, f"published: {advisory['id']}: CVSS {score:.1f}"
    return Severity.HIGH, "judgement: the advisory gives no level that is known here"


def base_score(vector: str) -> float | None:
    """The base score of a CVSS v3 vector, or None where it is none."""
    parts = dict(part.split(":", 1) for part in vector.split("/") if ":" in part)
    try:
        found = {name: weights[parts[name]] for name, weights in _WEIGHTS.items()}
        scope = parts["S"]
        rights = _RIGHTS[scope][parts["PR"]]
    except KeyError:
        return None
    lost = 1 - (1 - found["C"]) * (1 - found["I"]) * (1 - found["A"])
    impact = 6.42 * lost if scope == "U" else 7.52 * (lost - 0.029) - 3.25 * (lost - 0.02) ** 15
    if impact <= 0:
        return 0.0
    ease = 8.22 * found["AV"] * found["AC"] * rights * found["UI"]
    return _up(min(impact + ease if scope == "U" else 1.08 * (impact + ease), 10.0))


def _up(value: float) -> float:
    """Appendix A: the smallest number with one decimal that is not below, safe from binary fractions."""
    whole = round(value * 100_000)
    return whole / 100_000 if whole % 10_000 == 0 else (math.floor(whole / 10_000) + 1) / 10.0
