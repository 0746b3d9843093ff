"""Requests by a server that lies: too slow, too large, elsewhere, nothing; and values drawn uniformly."""

import itertools
import socket
import string
import threading
import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guarita.config.rotation_base import GeneratorSection
from guarita.rotation.errors import TransientError
from guarita.rotation.fetch import fetch
from guarita.rotation.generate import generate

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"


@pytest.fixture
def lying():
    """An address whose server sends these pieces, a pause after each."""
    listeners = []

    def start(pieces, pause=0.0):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve():
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                try:
                    for piece in pieces:
                        connection.sendall(piece)
                        time.sleep(pause)
                except OSError:
                    pass

        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"

    yield start
    for listener in listeners:
        listener.close()


def test_a_whole_answer(lying):
    assert fetch(lying([b"HTTP/1.1 203 X\r\nContent-Length: 2\r\n\r\nok"]), code="a", timeout=5) == (
        203,
        b"ok",
    )
    moved = lying([b"HTTP/1.1 302 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"])
    assert fetch(moved, code="a", timeout=5)[0] == 302


@pytest.mark.parametrize(
    ("pieces", "pause"),
    [
        (itertools.chain([HEAD], itertools.repeat(b"x")), 0.02),
        (itertools.chain([HEAD], itertools.repeat(b"x" * 4096)), 0.0),
        ([HEAD + b"x"], 0.0),
        ([b"SSH-2.0-x\r\n"], 0.0),
        ([b""], 30.0),
    ],
    ids=["drip", "flood", "cut off", "another protocol", "silence"],
)
def test_a_lying_server_is_given_up_on(lying, pieces, pause):
    with pytest.raises(TransientError) as caught:
        fetch(lying(pieces, pause), code="a.b", timeout=0.5, limit=100_000)
    assert caught.value.code == "a.b"


FORMS = {
    "alphanumeric": string.ascii_letters + string.digits,
    "hex": "0123456789abcdef",
    "base64": string.ascii_letters + string.digits + "+/=",
    "base64url": string.ascii_letters + string.digits + "-_",
    "ascii": "".join(c for c in string.printable.strip() if c not in "'\"\\ \t\n\r\x0b\x0c"),
}


@given(st.sampled_from(sorted(FORMS)), st.integers(16, 200), st.randoms(use_true_random=False))
def test_a_value_has_its_form_and_length(form, length, random):
    value = generate(GeneratorSection(form=form, length=length, prefix="p_"), random.randbytes)
    assert value.startswith("p_")
    assert set(value[2:]) <= set(FORMS[form])
    sizes = {"hex": 2 * length, "base64": -(-length // 3) * 4, "base64url": -(-length * 4 // 3)}
    assert len(value) - 2 == sizes.get(form, length)


@pytest.mark.parametrize("form", ["alphanumeric", "ascii"])
def test_no_character_is_likelier(form):
    """Each byte once: every character equally often, and those beyond the last whole multiple not at all."""
    every = itertools.cycle(range(256))
    drawn = generate(
        GeneratorSection(form=form, length=len(FORMS[form]) * (256 // len(FORMS[form]))),
        lambda count: bytes(itertools.islice(every, 256 if count else 0)),
    )
    assert set(Counter(drawn).values()) == {256 // len(FORMS[form])}
