"""Paths that two readers could read differently are refused."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guarita.gateway.paths import PathError, canonical


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"docs", b"*", b"//docs", b"/docs//1", b"/a/../b", b"/a/./b", b"/..", b"/.", b"/a/..",
        b"/a/%2e%2e/b", b"/a/%2E./b", b"/a/.%2e/b", b"/a%2fb", b"/a%2Fb", b"/a%5cb", b"/a\\b", b"/a%252fb",
        b"/a%00b", b"/a\x00b", b"/a%0ab", b"/a b", b"/a;v=1/b", b"/a%3bb", b"/a#b", b"/a%23b", b"/a?b",
        b"/a%3fb", b"/a%", b"/a%4", b"/a%zz", b"/caf\xe9", b"/%ff", b"/%c0%af", b"/%ed%a0%80", b"/a%7f",
        b"/%e2%80%ae", b"/" + b"a" * 9000, b"http://x/y", b"/a%u002e",
    ],
)  # fmt: skip
def test_what_can_be_read_in_two_ways_is_refused(raw):
    with pytest.raises(PathError) as refused:
        canonical(raw)
    assert (refused.value.status, refused.value.code) == (400, "request.path")


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/", "/"), (b"/docs", "/docs"), (b"/docs/", "/docs/"), (b"/docs/42", "/docs/42"),
        (b"/a.b/.well-known/x", "/a.b/.well-known/x"), (b"/...", "/..."), (b"/a%20b", "/a b"),
        (b"/caf%C3%A9", "/café"), (b"/%61bc", "/abc"), (b"/a+b,c=d:e@f", "/a+b,c=d:e@f"),
    ],
)  # fmt: skip
def test_what_can_be_read_in_one_way_is_read(raw, path):
    assert canonical(raw) == path


@given(st.lists(st.text(min_size=1), max_size=5))
def test_a_canonical_path_stays_itself(segments):
    raw = ("/" + "/".join(quote(segment, safe="") for segment in segments)).encode()
    try:
        path = canonical(raw)
    except PathError:
        return
    assert canonical(quote(path, safe="/").encode()) == path
    assert not {"", ".", ".."} & set(path.strip("/").split("/")[: len(segments)]) or path == "/"


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(raw):
    try:
        path = canonical(raw)
    except PathError:
        return
    assert path.startswith("/")
    assert "\\" not in path
    assert "/../" not in path + "/"
