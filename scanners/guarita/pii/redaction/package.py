"""An office file written anew: parts changed or left out, what refers to them with them, nothing between the entries."""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import BinaryIO, Final, Self
from urllib.parse import unquote
from xml.parsers import expat  # vetted by whoever read its text

from guarita.pii.documents import xmltext
from guarita.pii.documents.archive import Archive
from guarita.pii.documents.interface import Limits, damaged
from guarita.pii.documents.ooxml import PartHandler
from guarita.pii.documents.package import Part, part_kind
from guarita.pii.redaction.cutting import KEEP, Rule, Rules, cuts
from guarita.pii.redaction.interface import Editor
from guarita.pii.redaction.pictures import bare
from guarita.pii.redaction.raw import Change, applied_bytes, changes, utf8_width

TYPES: Final = "[Content_Types].xml"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_DECLARED: Final = re.compile(rb"""^(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_USER: Final = re.compile(r"((?:users|home|documents and settings|usuarios)[/\\]+)[^/\\]+", re.IGNORECASE)


class Package:
    """The parts of one file on their way from the old archive into the new one."""

    def __init__(self, archive: Archive, target: BinaryIO, limits: Limits) -> None:
        self._archive = archive
        self._limits = limits
        self._zip = zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED)
        self.removed: set[str] = set()
        self.gone: dict[str, set[str]] = {}
        """By part: the ids of its relationships that are removed."""

    def remove(self, wanted: Callable[[str], str], counts: Counter[str]) -> None:
        """Leave out the parts that `wanted` gives a kind for, and count them by it."""
        for name in self._archive.names:
            kind = wanted(name)
            if kind:
                self.removed.add(name)
                counts[kind] += 1
        for name in self._archive.names:
            if name.endswith(".rels") and name not in self.removed:
                owner = owner_of(name)
                for relation in relations(self._archive.read(name)):
                    if relation.external:
                        continue
                    if resolved(owner, relation.target) in self.removed:
                        self.gone.setdefault(owner, set()).add(relation.id)
        # A part that goes takes its own relationships with it.
        self.removed |= {
            name for name in self._archive.names if name.endswith(".rels") and owner_of(name) in self.removed
        }

    def drop_unshown(self, written: Mapping[str, bytes], counts: Counter[str]) -> None:
        """Leave out pictures that the changed parts refer to no more: previews of objects, what was deleted."""
        shown: set[str] = set()
        unshown: dict[str, list[tuple[str, str]]] = {}
        for name in self.names():
            if not name.endswith(".rels"):
                continue
            owner = owner_of(name)
            for relation in relations(self._archive.read(name)):
                part = resolved(owner, relation.target)
                if relation.external or part_kind(part) is not Part.PICTURE:
                    continue
                if owner not in written or f'"{relation.id}"'.encode() in written[owner]:
                    shown.add(part)
                else:
                    unshown.setdefault(part, []).append((owner, relation.id))
        for part, referring in unshown.items():
            for owner, number in referring:
                self.gone.setdefault(owner, set()).add(number)
            if part not in shown:
                self.removed.add(part)
                counts["picture that nothing showed"] += 1

    def names(self) -> Iterator[str]:
        """The parts that stay, in their order."""
        return (name for name in self._archive.names if name not in self.removed)

    def read(self, name: str) -> bytes:
        """A part, as UTF-8 where it is XML."""
        data = self._archive.read(name)
        return utf8(data) if part_kind(name) is Part.XML else data

    def rewritten(self, name: str, handler: PartHandler, editor: Editor, rules: Rules) -> bytes:
        """A part without what the editor and the rules want out of it."""
        raw = self.read(name)
        xmltext.parse([raw], handler, self._limits, handler.part, raw)
        made: list[Change] = []
        for block in handler.blocks(self._limits):
            made += changes(block, editor.edits(block), utf8_width)
        return applied_bytes(raw, cuts(raw, self.with_relations(name, rules)), made)

    def relationships(self, name: str, handler: PartHandler, editor: Editor) -> bytes:
        """The relationships of a part: without those that lead nowhere any more, and without data in links."""
        gone = self.gone.get(owner_of(name), set())

        def rules(element: str, attributes: dict[str, str], _: tuple[str, ...]) -> Rule:
            if element != "Relationship":
                return KEEP
            if attributes.get("Id") in gone or attributes.get("Type", "").endswith("/attachedTemplate"):
                return Rule("cut")
            target = attributes.get("Target", "")
            shown = _USER.sub(r"\1user", target)
            if attributes.get("TargetMode") == "External" and shown != target:
                return Rule(attributes={"Target": _quoted(shown)})
            return KEEP

        return self.rewritten(name, handler, editor, rules)

    def types(self) -> bytes:
        """The content types, without parts that are gone."""

        def rules(element: str, attributes: dict[str, str], _: tuple[str, ...]) -> Rule:
            gone = element == "Override" and attributes.get("PartName", "").lstrip("/") in self.removed
            return Rule("cut") if gone else KEEP

        raw = self.read(TYPES)
        return applied_bytes(raw, cuts(raw, rules), ())

    def write(self, name: str, data: bytes) -> None:
        """Put a part into the new file. No date, no owner, no comment goes with it."""
        if part_kind(name) is Part.PICTURE:
            data = bare(name, data)
        self._zip.writestr(zipfile.ZipInfo(name, _EPOCH), data, zipfile.ZIP_DEFLATED)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Also after an error: what is half written is thrown away by whoever wanted it.
        self._zip.close()

    def with_relations(self, name: str, rules: Rules) -> Rules:
        """The rules for a part, and what follows from relationships of it that are removed."""
        gone = self.gone.get(name, set())
        if not gone:
            return rules

        def both(element: str, attributes: dict[str, str], around: tuple[str, ...]) -> Rule:
            rule = rules(element, attributes, around)
            dead = {key: None for key, value in attributes.items() if value in gone}
            if not dead or rule.action == "cut":
                return rule
            if element in _WRAPPERS:
                return Rule(ancestor=_WRAPPERS[element])
            if element in _NOTHING_WITHOUT:
                return Rule("cut")
            return Rule(rule.action, rule.ancestor, {**rule.attributes, **dead})

        return both


_WRAPPERS: Final = {"OLEObject": "object", "control": "object", "oleObject": "oleObjects"}
"""Elements that show an object, and what goes with them, its preview included."""
_NOTHING_WITHOUT: Final = frozenset(
    {"altChunk", "externalData", "legacyDrawingHF", "subDoc", "userShapes", "dataBinding"}
)


class Relation:
    """One relationship of a part."""

    __slots__ = ("external", "id", "target", "type")

    def __init__(self, attributes: dict[str, str]) -> None:
        self.id = attributes.get("Id", "")
        self.target = attributes.get("Target", "")
        self.type = attributes.get("Type", "")
        self.external = attributes.get("TargetMode") == "External"


def relations(raw: bytes) -> list[Relation]:
    """The relationships that a part of them holds."""
    found: list[Relation] = []
    parser = expat.ParserCreate()

    def start(name: str, attributes: dict[str, str]) -> None:
        if name.rpartition(":")[2] == "Relationship":
            found.append(Relation(attributes))

    parser.StartElementHandler = start
    try:
        parser.Parse(utf8(raw), True)
    except expat.ExpatError as error:
        raise damaged(f"relationships are no XML (line {error.lineno})") from None
    return found


def owner_of(name: str) -> str:
    """The part whose relationships stand in this part; empty for those of the package."""
    folder, _, file = name.rpartition("/")
    folder = folder.removesuffix("_rels").rstrip("/")
    file = file.removesuffix(".rels")
    return f"{folder}/{file}" if folder and file else file


def resolved(owner: str, target: str) -> str:
    """The name of the part that a relationship of `owner` leads to."""
    path = unquote(target.partition("#")[0])
    if path.startswith("/"):
        return posixpath.normpath(path).lstrip("/")
    return posixpath.normpath(posixpath.join(posixpath.dirname(owner), path))


def utf8(raw: bytes) -> bytes:
    """An XML part in UTF-8, whatever it was in."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _declared_utf8(raw.decode("utf-16", "replace").encode("utf-8", "replace"))
    match = _DECLARED.match(raw[:200])
    if match is None or match[1].lower() in {b"utf-8", b"us-ascii"}:
        return raw
    try:
        return _declared_utf8(raw.decode(match[1].decode(), "replace").encode("utf-8", "replace"))
    except LookupError:
        return raw


def _declared_utf8(raw: bytes) -> bytes:
    match = _DECLARED.match(raw[:200])
    return raw if match is None else raw[: match.start(1)] + b"UTF-8" + raw[match.end(1) :]


def _quoted(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
