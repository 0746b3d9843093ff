"""Text and front matter of a document. Input comes from outside: nothing in it is executed."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser

import yaml

MAX_BYTES = 20 * 1024 * 1024


class Refused(ValueError):
    """The document cannot be ingested; the message says why."""


@dataclass(frozen=True)
class Extracted:
    """What goes to the index."""

    title: str
    body: str


def extract(name: str, content: bytes) -> Extracted:
    """Extract Markdown or HTML; raises Refused."""
    if len(content) > MAX_BYTES:
        raise Refused("larger than 20 MiB")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused("not UTF-8") from error
    if name.endswith(".md"):
        return _markdown(name, text)
    if name.endswith(".html"):
        reader = _Reader()
        reader.feed(text)
        return Extracted(reader.title or name, " ".join(" ".join(reader.words).split()))
    raise Refused("neither Markdown nor HTML")


def _markdown(name: str, text: str) -> Extracted:
    if not text.startswith("---\n"):
        return Extracted(name, text)
    head, _, body = text[4:].partition("\n---\n")
    try:
        meta = yaml.safe_load(head)
    except yaml.YAMLError as error:
        raise Refused("front matter is not YAML") from error
    if not isinstance(meta, dict):
        raise Refused("front matter is not a mapping")
    return Extracted(str(meta.get("title", name)), body.lstrip())


class _Reader(HTMLParser):
    """Collects visible text and the title."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.title = ""
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "style", "title"}:
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.words.append(data)
        elif self._inside[-1] == "title":
            self.title += data
