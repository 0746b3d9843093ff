"""DOCX: data out of every part that holds text; changes accepted, authors, objects and hidden data taken out."""

from __future__ import annotations

import re
from typing import BinaryIO, Final

from guarita.pii.documents import Limits, Source
from guarita.pii.documents.archive import open_archive
from guarita.pii.documents.docx import handler, is_read
from guarita.pii.documents.interface import damaged
from guarita.pii.documents.package import Part, part_kind
from guarita.pii.redaction.cutting import KEEP, Rule, Rules
from guarita.pii.redaction.interface import Choices, Editor, Redactor, Report, not_redactable
from guarita.pii.redaction.package import TYPES, Package

_HIDDEN: Final = re.compile(
    r"^(?:customXml/.*|docProps/(?:custom\.xml|thumbnail\..*)|word/(?:people|vbaData)\.xml|.*/printerSettings[^/]*)$"
)
_CUT: Final = frozenset(
    {
        "attachedTemplate", "cellDel", "customXmlDelRangeEnd", "customXmlDelRangeStart", "customXmlInsRangeEnd",
        "customXmlInsRangeStart", "customXmlMoveFromRangeEnd", "customXmlMoveFromRangeStart", "customXmlMoveToRangeEnd",
        "customXmlMoveToRangeStart", "dataBinding", "del", "mailMerge", "moveFrom", "moveFromRangeEnd", "moveFromRangeStart",
        "moveToRangeEnd", "moveToRangeStart", "pPrChange", "rPrChange", "rsids", "sectPrChange", "tblGridChange",
        "tblPrChange", "tblPrExChange", "tcPrChange", "trPrChange",
    }
)  # fmt: skip
"""What was there before a tracked change, and what says who made it and when."""
_UNWRAP: Final = frozenset({"ins", "moveTo", "cellIns"})
_PEOPLE: Final = {"author": "Author", "initials": "A"}
NAMES: Final = frozenset({"creator", "lastModifiedBy", "Manager", "Company", "HyperlinkBase"})
"""Properties that name people and firms."""


class DocxRedactor(Redactor):
    """Writes the package anew."""

    kind = "docx"

    def redact(
        self, source: Source, target: BinaryIO, editor: Editor, limits: Limits, choices: Choices
    ) -> Report:
        report = Report()
        with open_archive(source, limits) as archive:
            if TYPES not in archive.names:
                raise damaged("it has no list of content types")

            with Package(archive, target, limits) as package:
                package.remove(lambda name: _leaving(name, choices), report.removed)
                package.write(TYPES, package.types())
                written: dict[str, bytes] = {}
                # Relationships last: those to pictures that nothing shows any more go too.
                for name in package.names():
                    if is_read(name) and not name.endswith(".rels"):
                        written[name] = package.rewritten(name, handler(name), editor, _rules(report))
                package.drop_unshown(written, report.removed)
                for name in package.names():
                    if name == TYPES:
                        continue
                    if name in written:
                        package.write(name, written.pop(name))
                    elif name.endswith(".rels"):
                        package.write(name, package.relationships(name, handler(name), editor))
                    else:
                        package.write(name, package.read(name))
        return report


def _leaving(name: str, choices: Choices) -> str:
    """What a part is that goes as a whole; empty for others."""
    if _HIDDEN.match(name):
        return "hidden data"
    if part_kind(name) not in {Part.OBJECT, Part.FILE}:
        return ""
    if choices.embedded == "refuse":
        raise not_redactable(
            "it holds an embedded object", hint="set pii.handling.embedded to remove, or take it out"
        )
    return "embedded object"


def _rules(report: Report) -> Rules:
    def rules(name: str, attributes: dict[str, str], around: tuple[str, ...]) -> Rule:
        if name == "del" and around[-1:] == ("trPr",):
            report.removed["tracked change"] += 1
            return Rule(ancestor="tr")
        if name in _CUT:
            report.removed["tracked change"] += name in {"del", "moveFrom"}
            return Rule("cut")
        if name in _UNWRAP:
            return Rule("unwrap")
        if name in NAMES:
            return Rule("empty")
        people = {key: value for key, value in _PEOPLE.items() if key in attributes}
        return Rule(attributes=people) if people else KEEP

    return rules
