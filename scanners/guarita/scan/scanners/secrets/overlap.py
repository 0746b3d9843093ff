"""One secret that several rules of the engine know is one finding."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from guarita.policy.severity import load_table

BY_PLACE = re.compile(r"generic|curl-|kubernetes-secret|\.keyword|basic-auth|high-entropy")
"""Rules that know a secret by what stands around it, and not whose it is."""


def distinct(records: Iterable[dict[str, Any]]) -> list[tuple[dict[str, Any], tuple[str, ...]]]:
    """The engine's records, those joined whose texts lie in one another on the same line of the same content.

    Gives each that stays with the further rules that know it. The worst stays; of equals, the one that
    knows whose secret it is, then the one whose text is closest around it.
    """
    kept: list[tuple[dict[str, Any], list[str]]] = []
    for record in sorted(records, key=_order):
        for other, rules in kept:
            if _overlap(record, other):
                rules.append(record["rule"]["id"])
                break
        else:
            kept.append((record, []))
    return [(record, tuple(sorted(set(rules) - {record["rule"]["id"]}))) for record, rules in kept]


def _order(record: dict[str, Any]) -> tuple[int, bool, int, str]:
    name = record["rule"]["id"]
    rating = load_table().lookup(name, confidence=record["finding"]["confidence"])
    return -rating.severity.rank, bool(BY_PLACE.search(name)), len(record["finding"]["snippet"]), name


def _overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    a, b = one["finding"], other["finding"]
    if (a["path"], a["line"]) != (b["path"], b["line"]):
        return False
    if a["snippet"] == b["snippet"] and one["rule"]["id"] == other["rule"]["id"]:
        return False  # the same secret twice on a line is there twice
    return a["snippet"] in b["snippet"] or b["snippet"] in a["snippet"]
