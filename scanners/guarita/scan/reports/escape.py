r"""Text from a hostile tree made safe for each place where a report shows it.

What is never shown as it came: control characters (terminal escapes), direction overrides and other
invisible characters, bytes that are not UTF-8, and the marks by which a CI system takes a log line for a
command. Everything else stays, so that a reader sees what stands in the file.
"""

from __future__ import annotations

import os
import re
import unicodedata
from urllib.parse import quote

UNSAFE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories that are shown as escapes: controls, direction overrides, lone surrogates, unassigned."""
COMMANDS = re.compile(r"(?:(?<=\s)|^):(?=:)|(?<=#)#(?=\w*\[)")
"""What a log line must not hold: `::name` where a word begins (GitHub Actions trims the line first), and
`##[name]`, `##vso[`, `##teamcity[` anywhere (GitHub's older runner syntax, Azure Pipelines, TeamCity)."""

LATIN_1 = range(0x100)
SURROGATES = range(0xD800, 0xE000)
SURROGATE = re.compile("[\ud800-\udfff]")
BYTES = range(0xDC80, 0xDD00)
"""The surrogates that stand for a byte that is not UTF-8 (PEP 383)."""


def printable(text: str) -> str:
    r"""One line with every character that is not plainly visible as `\xNN`, `\uNNNN` or `\UNNNNNNNN`.

    A byte that is not UTF-8 (a surrogate escape, PEP 383) is shown as that byte. A tab becomes four
    spaces. The start of a workflow command is broken by an escape.
    """
    if not (text.isascii() and text.isprintable()):
        text = "".join(map(_shown, text))
    return COMMANDS.sub(lambda match: f"\\x{ord(match.group()):02x}", text)


def _shown(character: str) -> str:
    code = ord(character)
    if character == "\t":
        return "    "
    if unicodedata.category(character) not in UNSAFE:
        return character
    if code in BYTES:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code in LATIN_1 else character.encode("unicode-escape").decode()


def clipped(text: str, limit: int) -> str:
    """The printable text, cut to `limit` characters with a mark where it is longer."""
    shown = printable(text[: limit + 1])
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def is_utf8(text: str) -> bool:
    """Whether the text came from valid UTF-8: it holds no surrogate escape."""
    return text.isascii() or SURROGATE.search(text) is None


def percent(path: str) -> str:
    """A path as a relative URI reference (RFC 3986): the path's raw bytes, each unsafe one as `%NN`.

    A colon is encoded too, so that a first segment never reads as a scheme. A lone surrogate that stands
    for no byte cannot come from a file's name; it is encoded as its escape.
    """
    stands_for_byte = all(ord(character) in BYTES for character in path if ord(character) in SURROGATES)
    return quote(os.fsencode(path) if stands_for_byte else printable(path))


def markdown(text: str) -> str:
    """Text that stays text inside a line of GitHub's Markdown: punctuation as character references.

    CommonMark 2.5: a character reference never stands for a structural character. So nothing here can be
    a link, HTML, emphasis, a list, the end of a table cell or an autolink.
    """
    return "".join(
        character if character.isalnum() or character in " /," else f"&#{ord(character)};"
        for character in printable(text)
    )


def code(text: str) -> str:
    """Text as inline code in Markdown. GitHub makes no mention and no issue link inside it."""
    return f"<code>{markdown(text)}</code>" if text else ""


def fenced(lines: list[str]) -> str:
    """Lines as a fenced code block (CommonMark 4.5) whose fence is longer than any run of backticks in it."""
    runs = [len(run) for line in lines for run in re.findall(r"`+", line)]
    fence = "`" * max([3, *(length + 1 for length in runs)])
    return "\n".join((f"{fence}text", *lines, fence))


def safe_url(url: str) -> str:
    """The URL when it is plain http(s) with nothing to hide in it, else nothing.

    RFC 3986's characters, one `#` at most, and no brackets: those are for IPv6 hosts alone.
    """
    characters = r"[A-Za-z0-9\-._~:/?@!$&'()*+,;=%]"
    return url if re.fullmatch(rf"https?://{characters}+(?:#{characters}*)?", url) else ""
