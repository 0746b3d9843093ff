"""The operators of a page that show text, in the order in which they draw, and characters taken out of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import pikepdf

from guarita.pii.redaction.interface import Edit
from guarita.pii.redaction.pdfpages import PageText

_SHOWING: Final = frozenset({"Tj", "TJ", "'", '"'})
_SPOKEN: Final = ("/ActualText", "/Alt", "/E")
_DEPTH: Final = 20
"""Forms within forms."""
_PARENTS: Final = 50
"""Steps up the tree of pages; one that is its own parent ends there."""


class _Stream:
    """A stream of operators, a page's or a form's, and what is to be taken out of it."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner
        self.instructions: list[Any] = list(pikepdf.parse_content_stream(owner))
        self.taken: dict[int, dict[int, float] | None] = {}
        """By operator: how far each code that goes moves the pen; None where all of it goes."""
        self.changed = self._unspoken()

    def _unspoken(self) -> bool:
        """Take out what a reader is told instead of what stands there."""
        changed = False
        for operands, operator in self.instructions:
            if (
                str(operator) in {"BDC", "DP"}
                and len(operands) > 1
                and isinstance(operands[1], pikepdf.Dictionary)
            ):
                for key in _SPOKEN:
                    if key in operands[1]:
                        del operands[1][key]
                        changed = True
        return changed

    def written(self) -> bytes:
        """The operators without what is taken."""
        made: list[Any] = []
        for number, instruction in enumerate(self.instructions):
            made += _without(instruction, self.taken[number]) if number in self.taken else [instruction]
        return pikepdf.unparse_content_stream(made)


class _Shown(NamedTuple):
    """One operator that shows text."""

    stream: _Stream
    number: int
    wide: int | None
    """Bytes of one code of its font; None where that is unknown."""


class Operators:
    """The operators of a whole file. Forms are kept, since many pages may draw one."""

    def __init__(self, pdf: pikepdf.Pdf) -> None:
        self._pdf = pdf
        self._forms: dict[tuple[int, int], _Stream] = {}

    def take(self, page: pikepdf.Page, text: PageText, edits: Sequence[Edit]) -> bool:
        """Take the characters of edits out of what a page shows. False where that cannot be done for certain."""
        own = _Stream(page.obj)
        shown: list[_Shown] = []
        whole = self._collect(own, page.obj, shown, 0)
        if edits:
            wanted = _wanted(text, edits)
            if wanted is None or not whole or len(shown) != len(text.objects):
                return False
            members = text.members()
            numbers = {owner: number for number, owner in enumerate(text.objects)}
            for owner, gone in wanted.items():
                _mark(shown[numbers[owner]], text, members.get(owner, []), gone)
        if own.changed or own.taken:
            page.obj["/Contents"] = self._pdf.make_stream(own.written())
        return True

    def finish(self) -> None:
        """Write the forms."""
        for form in self._forms.values():
            if form.changed or form.taken:
                form.owner.write(form.written())

    def _collect(self, stream: _Stream, page: Any, shown: list[_Shown], depth: int) -> bool:
        """Every operator that shows text, those of a form each time that it is drawn. False where it is too deep."""
        resources = _inherited(stream.owner, "/Resources") or _inherited(page, "/Resources") or {}
        fonts, forms = resources.get("/Font", {}), resources.get("/XObject", {})
        wide: int | None = 1
        saved: list[int | None] = []
        for number, (operands, operator) in enumerate(stream.instructions):
            name = str(operator)
            if name == "q":
                saved.append(wide)
            elif name == "Q" and saved:
                wide = saved.pop()
            elif name == "Tf" and operands:
                wide = _width_of_code(fonts.get(str(operands[0])))
            elif name in _SHOWING and any(bytes(part) for part in _strings(operands)):
                shown.append(_Shown(stream, number, wide))
            elif name == "Do" and operands:
                form = self._form(forms.get(str(operands[0])))
                if form and (depth >= _DEPTH or not self._collect(form, page, shown, depth + 1)):
                    return False
        return True

    def _form(self, found: Any) -> _Stream | None:
        if not isinstance(found, pikepdf.Stream) or found.get("/Subtype") != "/Form":
            return None
        key = found.objgen
        if key not in self._forms:
            self._forms[key] = _Stream(found)
        return self._forms[key]


def _wanted(text: PageText, edits: Sequence[Edit]) -> dict[int, set[int]] | None:
    """By text object the characters that go; None where one is not known, or stands in a picture too."""
    wanted: dict[int, set[int]] = {}
    known = set(text.objects)
    for edit in edits:
        characters = text.characters(edit)
        if not characters and text.text[edit.start : edit.end].strip():
            return None
        if any(box.meets(picture) for box in text.boxes(edit) for picture in text.pictures):
            return None
        for index in characters:
            owner = text.owner(index)
            if owner not in known:
                return None
            wanted.setdefault(owner, set()).add(index)
    return wanted


def _mark(shown: _Shown, text: PageText, members: Sequence[int], gone: set[int]) -> None:
    """Note what goes of one operator: single codes where these fit PDFium's characters, else all of it."""
    stream, number, wide = shown
    operands, operator = stream.instructions[number]
    parts = operands[0] if str(operator) == "TJ" else operands[-1:]
    codes = sum(len(bytes(part)) for part in parts if isinstance(part, pikepdf.String))
    known = stream.taken.setdefault(number, {})
    if wide is None or codes != wide * len(members) or known is None:
        # What cannot be told apart goes as a whole: the neighbours of a datum rather than a part of it.
        stream.taken[number] = None
        return
    for at, index in enumerate(members):
        if index in gone:
            following = members[at + 1] if at + 1 < len(members) else None
            for code in range(wide * at, wide * (at + 1)):
                known[code] = text.advance(index, following) if code == wide * at else 0.0


def _without(instruction: Any, taken: dict[int, float] | None) -> list[Any]:
    """The instructions for one that shows less than before: a gap is where the codes were."""
    operands, operator = instruction
    name = str(operator)
    parts = list(operands[0]) if name == "TJ" else [operands[-1]]
    made: list[Any] = []
    at = 0
    for part in parts if taken is not None else ():
        if not isinstance(part, pikepdf.String):
            made.append(part)
            continue
        kept = b""
        for byte in bytes(part):
            if taken is not None and at in taken:
                made += [pikepdf.String(kept)] if kept else []
                made += [-round(taken[at])] if taken[at] else []
                kept = b""
            else:
                kept += bytes((byte,))
            at += 1
        made += [pikepdf.String(kept)] if kept else []
    before: list[Any] = []
    if name == '"':
        before += [_instruction([operands[0]], "Tw"), _instruction([operands[1]], "Tc")]
    if name in {"'", '"'}:
        before.append(_instruction([], "T*"))
    return [*before, _instruction([pikepdf.Array(made or [0])], "TJ")]


def _instruction(operands: list[Any], operator: str) -> Any:
    return pikepdf.ContentStreamInstruction(operands, pikepdf.Operator(operator))


def _inherited(owner: Any, key: str) -> Any:
    at = owner
    for _ in range(_PARENTS):
        if at is None or key in at:
            break
        at = None if isinstance(at, pikepdf.Stream) else at.get("/Parent")
    return None if at is None else at.get(key)


def _width_of_code(font: Any) -> int | None:
    if not isinstance(font, pikepdf.Dictionary):
        return None
    if font.get("/Subtype") != "/Type0":
        return 1
    return 2 if str(font.get("/Encoding", "")) in {"/Identity-H", "/Identity-V"} else None


def _strings(operands: Any) -> Iterator[Any]:
    for operand in operands:
        if isinstance(operand, pikepdf.String):
            yield operand
        elif isinstance(operand, pikepdf.Array):
            yield from (part for part in operand if isinstance(part, pikepdf.String))
