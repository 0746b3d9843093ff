"""What is read: the two sets with spans, clean documents, and prose, pages and tables to be timed on."""

from __future__ import annotations

import json
from pathlib import Path

from pii_parts.engines import SETS

DATA = Path(__file__).parents[2] / "tests" / "data" / "pii"
Marked = tuple[str, list[tuple[int, int, str]], int]
"""A text, its spans, and the number of its template."""


def english() -> list[Marked]:
    """presidio-research's development half."""
    return _marked("presidio-research-dev.jsonl", SETS)


def portuguese() -> list[Marked]:
    """The Portuguese set, hard negatives among it."""
    return _marked("pt-test.jsonl", None)


def clean(language: str) -> list[str]:
    """Technical documentation without personal data."""
    return [path.read_text("utf-8") for path in sorted((DATA / "clean").glob(f"{language}-*.md"))]


def timed(kind: str) -> list[str]:
    """Documents of one kind: `prose` of the sets, 20 texts each; `pages` of documentation; `tables` as CSV gives them."""
    texts = [text for text, _, _ in (*english(), *portuguese())]
    if kind == "prose":
        return ["\n\n".join(texts[at : at + 20]) for at in range(0, len(texts), 20)]
    if kind == "pages":
        # Both languages by turns, so that whoever is stopped early has read as much of each.
        return [page for pair in zip(clean("en"), clean("pt"), strict=True) for page in pair]
    rows = [
        f"id: {number}\tvalor: {number * 37 % 9973},00\tsituação: ativo\tsetor: compras"
        for number in range(4_000)
    ]
    return ["\n".join(rows[at : at + 500]) for at in range(0, len(rows), 500)]


def _marked(name: str, types: dict[str, str] | None) -> list[Marked]:
    found = []
    for line in (DATA / name).read_text("utf-8").splitlines():
        item = json.loads(line)
        spans = [
            (span["start"], span["end"], types[span["type"]] if types else span["type"])
            for span in item["spans"]
            if types is None or span["type"] in types
        ]
        found.append((item["text"], spans, item["template_id"]))
    return found
