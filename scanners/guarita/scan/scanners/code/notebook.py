"""A Jupyter notebook as one Python module, and the way back from its lines to cells.

The format is nbformat 3 and 4 (https://nbformat.readthedocs.io/en/latest/format_description.html). What IPython
adds to Python, magics, shell escapes and `?`, is blanked line for line; code that stands in a magic is kept.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

PYTHON_MAGICS = {"time", "timeit", "prun", "capture", "python", "python3", "memit", "mprun", "lprun"}
"""Magics whose argument, or whose cell, is Python that runs."""
_CELL_MAGIC = re.compile(r"\s*%%(\w+)")
_LINE_MAGIC = re.compile(r"(\s*)%(\w+)\s*((?:-\w+\s+(?:\d+\s+)?)*)(.*)", re.DOTALL)
_ESCAPE = re.compile(r"(\s*)(?:[%!?/,;].*|[\w.]+\?{1,2}\s*)$", re.DOTALL)
_ASSIGNED = re.compile(r"(\s*[\w., ]+=\s*)[!%].*", re.DOTALL)


class NotebookError(ValueError):
    """The notebook cannot be read as one, or is not Python; says why."""


@dataclass(frozen=True)
class Line:
    """Where a line of the module comes from."""

    cell: int
    """From 1, over all cells."""
    line: int
    """From 1, in the cell."""
    file_line: int
    """From 1, in the notebook's own text; 0 where it cannot be told."""


@dataclass
class Module:
    """The code cells one after another."""

    text: str = ""
    lines: list[Line] = field(default_factory=list)

    def at(self, line: int) -> Line:
        """Where a line of the module (from 1) comes from."""
        return self.lines[min(max(line, 1), len(self.lines)) - 1]


def module_of(content: bytes) -> Module:
    """The notebook's code as one module. Raises NotebookError."""
    try:
        raw = content.decode()
        notebook = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise NotebookError(f"not a notebook: {type(error).__name__}") from error
    if not isinstance(notebook, dict):
        raise NotebookError("not a notebook: no object at its top")
    language = _language(notebook)
    if not language.startswith(("python", "ipython", "xpython")):
        raise NotebookError(f"a notebook in {language}, which no scanner here reads")
    module, finder = Module(), _Finder(raw)
    for number, cell in enumerate(_cells(notebook), start=1):
        lines, places = _source(cell, finder)
        if cell.get("cell_type") != "code":
            continue
        for at, line in enumerate(_plain(lines, number)):
            module.text += line.rstrip("\r\n") + "\n"
            module.lines.append(Line(number, at + 1, places[at]))
    module.lines = module.lines or [Line(0, 0, 0)]
    return module


def _language(notebook: dict[str, Any]) -> str:
    metadata = notebook.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    for place, key in (("language_info", "name"), ("kernelspec", "language"), ("kernelspec", "name")):
        inner = metadata.get(place)
        if isinstance(inner, dict) and isinstance(inner.get(key), str) and inner[key]:
            return str(inner[key]).lower()
    return "python"


def _cells(notebook: dict[str, Any]) -> Iterator[dict[str, Any]]:
    holders = notebook.get("worksheets", [notebook])
    for holder in holders if isinstance(holders, list) else [None]:
        cells = holder.get("cells") if isinstance(holder, dict) else None
        if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
            raise NotebookError("not a notebook: it has no list of cells")
        yield from cells


def _source(cell: dict[str, Any], finder: _Finder) -> tuple[list[str], list[int]]:
    """The cell's lines, and the lines of the file that they stand on."""
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, str):
        lines = source.splitlines()
        return lines, [finder.find(source)] * len(lines)
    if not isinstance(source, list) or not all(isinstance(part, str) for part in source):
        raise NotebookError("not a notebook: a cell's source is neither text nor a list of lines")
    lines, places = [], []
    for part in source:
        place = finder.find(part)
        # Parts are lines by convention only: two may make one, and one may hold several.
        for piece in part.splitlines(keepends=True) or [""]:
            if lines and not lines[-1].endswith("\n"):
                lines[-1] += piece
            else:
                lines.append(piece)
                places.append(place)
    return lines, places


class _Finder:
    """Finds JSON strings in the notebook's text, in their order."""

    def __init__(self, raw: str) -> None:
        self._raw = raw
        self._at = 0
        self._line = 1

    def find(self, text: str) -> int:
        for ascii_only in (False, True):
            quoted = json.dumps(text, ensure_ascii=ascii_only)
            found = self._raw.find(quoted, self._at)
            if found >= 0:
                self._line += self._raw.count("\n", self._at, found)
                self._at = found + len(quoted)
                return self._line
        return 0


def _plain(lines: list[str], number: int) -> list[str]:
    """The cell's lines as Python, one for one. Raises NotebookError when it is none."""
    if _parses(lines):
        return lines
    first = next((at for at, line in enumerate(lines) if line.strip()), 0)
    magic = _CELL_MAGIC.match(lines[first])
    if magic and magic.group(1) not in PYTHON_MAGICS:
        return ["" for _ in lines]
    if magic:
        lines = ["" if at == first else line for at, line in enumerate(lines)]
    if not _parses(lines):
        lines = list(_without_magics(lines))
    if not _parses(lines):
        raise NotebookError(f"cell {number} is not Python")
    return lines


def _without_magics(lines: list[str]) -> Iterator[str]:
    continued = False
    for line in lines:
        if continued:
            continued = line.rstrip().endswith("\\")
            yield ""
            continue
        timed = _LINE_MAGIC.match(line)
        if timed and timed.group(2) in PYTHON_MAGICS and timed.group(4).strip():
            yield timed.group(1) + timed.group(4)
            continue
        assigned, escape = _ASSIGNED.match(line), _ESCAPE.match(line)
        continued = bool(assigned or escape) and line.rstrip().endswith("\\")
        if assigned:
            yield f"{assigned.group(1)}None"
        elif escape:
            yield f"{escape.group(1)}pass"
        else:
            yield line


def _parses(lines: list[str]) -> bool:
    try:
        ast.parse("\n".join(line.rstrip("\r\n") for line in lines))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
