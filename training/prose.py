"""Sentences without names: the message catalogs and manuals of projects whose licences permit it (sources.txt)."""

from __future__ import annotations

import io
import json
import re
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

_CATALOG = re.compile(r"/pt(?:_BR|_PT|-br)?/.*\.(?:po|mo)$", re.IGNORECASE)
_MANUAL = re.compile(r"/docs?/.*\.(?:txt|rst|md)$")
# Pages that thank people, and lists of changes, which name them.
_NAMING = re.compile(
    r"authors|changes|releases|history|whatsnew|team|organization|fundraising|insiders|sponsor|conduct"
    r"|faq/general|locale",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}|<[^>]+>|&\w+;")


def messages(folder: Path) -> Iterator[tuple[str, str]]:
    """(`en` or `pt`, text) of each message of each catalog."""
    for wheel in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            names = set(archive.namelist())
            for name in sorted(names):
                if _CATALOG.search(name) and not (name.endswith(".mo") and f"{name[:-3]}.po" in names):
                    read = read_po if name.endswith(".po") else read_mo
                    for message in read(io.BytesIO(archive.read(name))):
                        yield from _both(message.id, message.string)
                elif "language_pack" in wheel.name and name.endswith(".json"):
                    for key, value in json.loads(archive.read(name)).items():
                        if key:
                            yield from _both(key.split("\x04")[-1], value)


def _both(english: object, portuguese: object) -> Iterator[tuple[str, str]]:
    for language, texts in (("en", english), ("pt", portuguese)):
        for text in (texts,) if isinstance(texts, str) else tuple(texts or ()):  # type: ignore[arg-type]
            plain = re.sub(r"[ \t]+", " ", _PLACEHOLDER.sub(" ", str(text))).strip()
            if len(plain) > 3:
                yield language, plain


def manuals(folder: Path) -> Iterator[str]:
    """Pages of documentation, in English."""
    for source in sorted(folder.glob("*.tar.gz")):
        with tarfile.open(source) as archive:
            for member in archive:
                if _MANUAL.search(member.name) and not _NAMING.search(member.name):
                    file = archive.extractfile(member)
                    if file is not None and member.size > 500:
                        yield file.read().decode("utf-8", "replace")
