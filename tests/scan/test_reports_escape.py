"""What is shown of hostile text: nothing that a terminal, a page or a CI system would act on."""

import os
import re
import unicodedata
from urllib.parse import unquote_to_bytes

import pytest
import verdicts
from hypothesis import given
from markdown_it import MarkdownIt

from guarita.scan.reports.escape import clipped, code, fenced, markdown, percent, printable, safe_url

CONTROL = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


@given(verdicts.texts)
def test_printable_text_is_one_line_of_visible_characters(text):
    shown = printable(text)
    assert not {unicodedata.category(character) for character in shown} & CONTROL
    assert len(shown.splitlines()) <= 1
    shown.encode()


@given(verdicts.texts)
def test_printable_text_starts_no_workflow_command_however_it_is_wrapped(text):
    shown = printable(text)
    assert not any(word.startswith("::") for word in shown.split())
    assert not re.search(r"##\w*\[", shown)


@given(verdicts.texts)
def test_printing_twice_changes_nothing(text):
    assert printable(printable(text)) == printable(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain: a::b, # c ## [d]", "plain: a::b, # c ## [d]"),
        ("ação 日本 é", "ação 日本 é"),
        ("\x1b[31m", "\\x1b[31m"),
        ("caf\udce9", "caf\\xe9"),
        ("\u202e", "\\u202e"),
        ("\U000e0001", "\\U000e0001"),
        ("::error::", "\\x3a:error::"),
        ("a ::error::", "a \\x3a:error::"),
        ("##[error]", "#\\x23[error]"),
        ("\tx", "    x"),
    ],
)
def test_printable(text, shown):
    assert printable(text) == shown


@given(verdicts.texts)
def test_clipped_text_keeps_its_limit(text):
    assert len(clipped(text, 20)) <= 20
    assert clipped(text, 10_000) == printable(text)


@given(verdicts.paths)
def test_a_percent_encoded_path_gives_the_bytes_back(path):
    encoded = percent(path)
    assert re.fullmatch(r"[A-Za-z0-9._~/%-]*", encoded)
    assert unquote_to_bytes(encoded) == os.fsencode(path)


@given(verdicts.texts)
def test_markdown_shows_the_text_and_nothing_else(text):
    shown = MarkdownIt("commonmark").enable(["table", "strikethrough"]).renderInline(f"x{markdown(text)}x")
    assert "<" not in shown
    assert shown.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&") == (
        f"x{printable(text)}x"
    )


@given(verdicts.texts)
def test_markdown_holds_no_mention_no_pipe_and_no_address(text):
    assert not re.search(r"[@|<>\[\]`*_~:.]", markdown(text))
    assert code("") == ""


@given(verdicts.texts, verdicts.texts)
def test_a_fence_ends_where_it_should(one, other):
    block = fenced([printable(one), printable(other)])
    tokens = MarkdownIt("commonmark").parse(f"{block}\n\nafter\n")
    assert [token.type for token in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]
    assert tokens[0].content == f"{printable(one)}\n{printable(other)}\n"


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "https://a b",
        'https://a"b',
        "//x",
        "",
        "https://a\n",
        "https://a##[b]",
        "https://[::1]/",
    ],
)
def test_only_plain_web_addresses_are_linked(url):
    assert safe_url(url) == ""
