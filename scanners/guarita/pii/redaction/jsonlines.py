"""JSON and JSON lines: strings and numbers that hold data are replaced where they stand; form and spacing stay.

A number that is redacted becomes a string, since no number says that it is none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO, Final

from guarita.pii.documents import Limits, Place, Source
from guarita.pii.documents.jsonlines import BLOCK, Leaves, lines, parsed
from guarita.pii.redaction.encoded import Encoding, kept_pieces, readable, whole_text
from guarita.pii.redaction.interface import Choices, Edit, Editor, Redactor, Report

_TOKEN: Final = re.compile(
    r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]:,]|-?(?:\d[\d.eE+\-]*|Infinity)|NaN|true|false|null', re.DOTALL
)
_DECODE: Final = json.JSONDecoder(strict=False).decode
Found = Mapping[tuple[str | None, str], Sequence[Edit]]
"""What is to be changed in each leaf, by its key and text: the same leaf is changed wherever it stands."""


class JsonRedactor(Redactor):
    """Changes one JSON value."""

    kind = "json"

    def redact(
        self,
        source: Source,
        target: BinaryIO,
        editor: Editor,
        limits: Limits,
        choices: Choices,  # noqa: ARG002  # there is one way only
    ) -> Report:
        text, written = whole_text(source, limits)
        target.write(written.mark)
        target.writelines(
            written.encode(changed) for changed in _changed([text], editor, limits, "the document")
        )
        return Report()


class JsonLinesRedactor(Redactor):
    """Changes one JSON value a line, in bounded memory."""

    kind = "jsonl"

    def redact(
        self,
        source: Source,
        target: BinaryIO,
        editor: Editor,
        limits: Limits,
        choices: Choices,  # noqa: ARG002  # there is one way only
    ) -> Report:
        with source.open() as stream:
            written = Encoding(source.head())
            target.write(written.mark)
            for first, batch in _batches(lines(kept_pieces(stream, written), limits)):
                target.writelines(
                    written.encode(changed)
                    for changed in _changed(batch, editor, limits, f"line {first} or one behind it")
                )
        return Report()


def _batches(found: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
    """Lines that are looked at together, with the number of the first."""
    batch: list[str] = []
    size, first = 0, 1
    for line in found:
        batch.append(line)
        size += len(line)
        if size >= BLOCK:
            yield first, batch
            first += len(batch)
            batch, size = [], 0
    if batch:
        yield first, batch


def _changed(texts: Sequence[str], editor: Editor, limits: Limits, where: str) -> Iterator[str]:
    leaves = Leaves(limits)
    for text in texts:
        if text.strip():
            leaves.add(parsed(readable(text), where), Place())
    block = leaves.block()
    edits = editor.edits(block)
    found: dict[tuple[str | None, str], list[Edit]] = {}
    at = 0
    for edit in edits:
        while block.spans[at].end <= edit.start:
            at += 1
        start = block.spans[at].start
        # The same leaf may stand there often, and be looked at beside other neighbours each time.
        known = found.setdefault(leaves.leaves[at], [])
        new = Edit(edit.start - start, edit.end - start, edit.text)
        if all(new.end <= one.start or one.end <= new.start for one in known):
            known.append(new)
    for text in texts:
        yield _rewritten(text, found) if found else text


def _rewritten(text: str, found: Found) -> str:
    """A JSON text with leaves changed."""
    parts: list[str] = []
    at = 0
    # For each level: the key that names what comes, None within a list that has none, and the keys there are.
    keys: list[str] = [""]
    taken: list[set[str] | None] = [None]
    is_key = False
    for match in _TOKEN.finditer(text):
        lexeme = match.group()
        if lexeme in "{[":
            keys.append(keys[-1] if lexeme == "[" else "")
            taken.append(set() if lexeme == "{" else None)
            is_key = lexeme == "{"
        elif lexeme in "}]":
            keys.pop()
            taken.pop()
            is_key = False
        elif lexeme == ",":
            is_key = taken[-1] is not None
        elif lexeme == ":":
            is_key = False
        elif lexeme[0] == '"' or lexeme[0] in "-0123456789NI":
            value = _DECODE(lexeme) if lexeme[0] == '"' else lexeme
            names = taken[-1]
            key = None if is_key else keys[-1]
            edits = found.get((key, readable(value)))
            new = value if edits is None else _edited(value, edits)
            if is_key:
                keys[-1] = readable(value)
                if names is not None:
                    new = _other(new, names) if edits else new
                    names.add(new)
            if edits is not None:
                parts += (text[at : match.start()], _written(new, lexeme))
                at = match.end()
    return "".join((*parts, text[at:]))


def _edited(value: str, edits: Sequence[Edit]) -> str:
    at = 0
    parts: list[str] = []
    for start, end, text in sorted(edits):
        parts += (value[at:start], text)
        at = end
    return "".join((*parts, value[at:]))


def _other(name: str, names: set[str]) -> str:
    """A name that no other key of the object has: of two that are the same readers take one."""
    number, other = 2, name
    while other in names:
        other = f"{name} {number}"
        number += 1
    return other


def _written(value: str, lexeme: str) -> str:
    """A string as JSON, in ASCII where it was."""
    return json.dumps(value, ensure_ascii=lexeme.isascii())
