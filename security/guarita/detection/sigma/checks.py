"""What is looked at before pySigma reads a rule: nothing that we cannot evaluate is ignored in silence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from guarita.audit.events.classes import CLASSES, NAMES, DetectionFinding
from guarita.config.strictyaml import Document, Path
from guarita.detection.errors import RuleError
from guarita.detection.sigma.fields import SEALED_FIELDS, known

PRODUCT: Final = "guarita"
_NUMBERS: Final = {name: number for number, name in NAMES.items()}
_KEYS: Final = frozenset(
    {
        "title", "id", "name", "taxonomy", "related", "status", "description", "license", "references", "tags", "author",
        "date", "modified", "fields", "falsepositives", "level", "scope", "logsource", "detection", "correlation", "guarita",
    }
)  # fmt: skip
_CORRELATION_KEYS: Final = frozenset(
    {"type", "rules", "generate", "group-by", "timespan", "aliases", "condition"}
)
_MODIFIERS: Final = frozenset(
    {
        "all", "base64", "base64offset", "cased", "cidr", "contains", "dotall", "endswith", "exists", "fieldref", "gt", "gte",
        "i", "ignorecase", "lt", "lte", "m", "multiline", "neq", "re", "s", "startswith", "utf16", "utf16be", "wide",
    }
)  # fmt: skip
_OPAQUE: Final = frozenset({"all", "exists", "fieldref", "neq"})
"""What may be asked of a value that is sealed."""
_TACTICS: Final = frozenset(
    {
        "reconnaissance", "resource-development", "initial-access", "execution", "persistence", "privilege-escalation",
        "defense-evasion", "credential-access", "discovery", "lateral-movement", "collection", "command-and-control",
        "exfiltration", "impact",
    }
)  # fmt: skip
_ATTACK: Final = re.compile(r"(t[0-9]{4}(\.[0-9]{3})?|[gs][0-9]{4}|ta[0-9]{4})")


def error(document: Document, path: Path, message: str, hint: str | None = None) -> RuleError:
    """A rule's error with its place."""
    told = document.error("detection.rule", path, message, hint)
    return RuleError(told.code, told.message, hint=told.hint)


def head(document: Document) -> None:
    """The keys of a rule and its tags. Raises RuleError."""
    data = document.data
    if not isinstance(data, dict):
        raise error(document, (), "a rule is a mapping")
    for key in data:
        if key not in _KEYS:
            raise error(document, (key,), "unknown key", f"known keys: {', '.join(sorted(_KEYS))}")
    if ("detection" in data) == ("correlation" in data):
        raise error(document, (), "a rule has either `detection` or `correlation`")
    tags = data.get("tags") or []
    for number, tag in enumerate(tags if isinstance(tags, list) else []):
        space, _, name = str(tag).partition(".")
        if space == "attack" and name not in _TACTICS and not _ATTACK.fullmatch(name):
            raise error(document, ("tags", number), f"{tag} is neither a tactic nor a technique of ATT&CK")
    for key in data.get("correlation") or {}:
        if key not in _CORRELATION_KEYS:
            raise error(document, ("correlation", key), "unknown key")


def classes(document: Document) -> frozenset[int]:
    """The classes of events that a rule looks at. Raises RuleError."""
    source = document.data.get("logsource")
    if not isinstance(source, dict) or source.get("product") != PRODUCT:
        raise error(document, ("logsource",), f"the ledger is `product: {PRODUCT}`")
    for key in source:
        if key not in {"product", "category", "definition"}:
            raise error(
                document, ("logsource", key), "is not supported", "name `category`, and match on fields"
            )
    category = source.get("category")
    if category is None:
        return frozenset(CLASSES) - {DetectionFinding.UID}
    if category not in _NUMBERS:
        raise error(document, ("logsource", "category"), "unknown category", f"one of: {', '.join(_NUMBERS)}")
    return frozenset({_NUMBERS[category]})


def detection(document: Document, found: frozenset[int]) -> None:
    """Fields and modifiers of a rule on events. Raises RuleError."""
    selections = document.data["detection"]
    if not isinstance(selections, dict):
        raise error(document, ("detection",), "is a mapping of selections and a condition")
    if "timeframe" in selections:
        raise error(document, ("detection", "timeframe"), "write a correlation with `timespan`")
    conditions = selections.get("condition")
    if not isinstance(conditions, str):
        raise error(
            document, ("detection", "condition"), "is one text", "write several rules for several conditions"
        )
    for path, key, value in _items(selections):
        name, *modifiers = key.split("|")
        if name and not known(name, found):
            raise error(document, path, "no event of this category has this field")
        for modifier in modifiers:
            if modifier not in _MODIFIERS:
                raise error(document, path, f"the modifier {modifier!r} is not supported")
        if "fieldref" in modifiers:
            _references(document, path, value, found)
        elif name in SEALED_FIELDS and (
            not set(modifiers) <= _OPAQUE or ("exists" not in modifiers and value not in {None, "*"})
        ):
            raise error(
                document, path, "its values are sealed: they are grouped and counted, and equal no text"
            )


def _references(document: Document, path: Path, value: Any, found: frozenset[int]) -> None:
    for other in value if isinstance(value, list) else [value]:
        if not isinstance(other, str) or not known(other, found):
            raise error(document, path, f"no event of this category has the field {other!r}")


def _items(selections: dict[str, Any]) -> Iterator[tuple[Path, str, Any]]:
    """Every `FIELD|MODIFIERS` of the selections with its value and place."""
    waiting: list[tuple[Path, Any]] = [
        (("detection", name), value) for name, value in selections.items() if name != "condition"
    ]
    while waiting:
        path, here = waiting.pop()
        if isinstance(here, list):
            waiting += [((*path, number), item) for number, item in enumerate(here)]
        elif isinstance(here, dict):
            yield from (((*path, key), key, value) for key, value in here.items())
