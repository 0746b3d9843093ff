"""Signed notes and checkpoints: the vectors of golang.org/x/mod/sumdb/note, the rules of C2SP, properties."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guarita.audit import ProofError
from guarita.audit.notes.checkpoint import TreeHead, open_checkpoint, read_checkpoint, sign_checkpoint
from guarita.audit.notes.ed25519 import SigningKey, VerifyingKey
from guarita.audit.notes.note import open_note, parse_note, sign_note, with_signatures
from guarita.errors import UsageError

# From note_test.go of golang.org/x/mod (BSD-3-Clause, The Go Authors).
VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
ENOCH_VKEY = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
ENOCH = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"

peter = VerifyingKey.parse(VKEY)
enoch = VerifyingKey.parse(ENOCH_VKEY)


def test_keys_of_the_reference_are_read_and_written():
    assert peter.vkey == VKEY
    assert SigningKey.parse(SKEY).encode() == SKEY
    assert SigningKey.parse(SKEY).public == peter


@pytest.mark.parametrize(("spelled", "kind"), [(VKEY, VerifyingKey), (SKEY, SigningKey)])
def test_a_mangled_key_is_refused_and_not_shown(spelled, kind):
    pieces = {spelled[i:j] for i in range(len(spelled) + 1) for j in range(i, len(spelled) + 1)} - {spelled}
    changed = {spelled[:i] + chr(ord(spelled[i]) + 1) + spelled[i + 1 :] for i in range(len(spelled))}
    for wrong in pieces | changed:
        with pytest.raises(UsageError) as caught:
            kind.parse(wrong)
        assert caught.value.code == "audit.vkey"
        assert SKEY[-20:] not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",  # too long, with its own ID
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",  # another algorithm, with its own ID
        VKEY.replace("c74f20a3", "C74F20A3"),
    ],
)
def test_keys_that_are_not_ed25519_in_its_one_spelling_are_refused(wrong):
    with pytest.raises(UsageError):
        VerifyingKey.parse(wrong)


def test_signing_gives_the_reference_note_byte_for_byte():
    assert sign_note(TEXT, [SigningKey.parse(SKEY)]) == f"{TEXT}\n{PETER}"


@pytest.mark.parametrize(
    ("below", "keys", "signed"),
    [
        (PETER + ENOCH, [peter], [peter]),
        (PETER + ENOCH, [peter, enoch], [peter, enoch]),
        (PETER + PETER + ENOCH + ENOCH, [peter], [peter]),
        (ENOCH[:60] + "ABCD" + ENOCH[60:] + PETER, [peter], [peter]),
        (PETER.replace("PeterNeumann", "CarmenSandiego") + PETER, [peter], [peter]),
    ],
)
def test_opening_gives_who_signed_and_ignores_unknown_keys(below, keys, signed):
    assert open_note(f"{TEXT}\n{below}", keys) == (TEXT, signed)
    assert open_note(f"{TEXT}\n{below}".encode(), keys) == (TEXT, signed)


@pytest.mark.parametrize(
    ("below", "keys"),
    [
        (PETER + ENOCH, []),
        (PETER[:60] + "ABCD" + PETER[60:], [peter]),
        (PETER + PETER.replace("x08go/Z", "x08go/A"), [peter]),
        (PETER.replace("PeterNeumann", "CarmenSandiego"), [peter]),
        (PETER.replace("x08g", "xxxx"), [peter]),
    ],
)
def test_a_note_without_a_good_signature_of_a_known_key_is_refused(below, keys):
    with pytest.raises(ProofError) as caught:
        open_note(f"{TEXT}\n{below}", keys)
    assert caught.value.code == "audit.signature"


@pytest.mark.parametrize(
    "note",
    [
        TEXT,
        TEXT + "\n",
        TEXT + "\n" + PETER[:-1],
        "\x01" + TEXT + "\n" + PETER,
        TEXT.replace("\n", "\r\n") + "\n" + PETER,
        b"\xff" + f"{TEXT}\n{PETER}".encode(),
        TEXT + "\n— Bad Name " + PETER.split()[2] + "\n",
        TEXT + "\n— Bad+Name " + PETER.split()[2] + "\n",
        TEXT + "\n— \u2003Name " + PETER.split()[2] + "\n",
        TEXT + "\n" + PETER + "Unexpected line.\n",
        TEXT + "\n" + PETER.replace("AM=", "AN="),  # the same bytes in another spelling
        TEXT + "\n— Peter x08goA=\n",
        TEXT + "\n" + PETER * 101,
        "x" * 1_000_000 + "\n\n" + PETER,
        "\ud800\n\n" + PETER,
        "",
    ],
)
def test_what_is_no_note_is_refused(note):
    with pytest.raises(ProofError) as caught:
        open_note(note, [peter])
    assert caught.value.code == "audit.note"


def test_the_last_blank_line_divides_text_from_signatures():
    text = "one\n\ntwo\n"
    assert parse_note(sign_note(text, [SigningKey.parse(SKEY)])).text == text
    for wrong in ("no newline", "one\n\n— two AAAAAAA=\n\x02"):
        with pytest.raises((ValueError, ProofError)):
            sign_note(wrong, [SigningKey.parse(SKEY)])


KEY = SigningKey.generate("example.com/log")
HEAD = TreeHead("example.com/log", 20852163, b"\x07" * 32)


def test_a_checkpoint_says_what_was_signed():
    note = sign_checkpoint(HEAD, [KEY])
    assert note.splitlines()[:4] == [
        "example.com/log",
        "20852163",
        base64.b64encode(b"\x07" * 32).decode(),
        "",
    ]
    assert read_checkpoint(note) == HEAD
    assert open_checkpoint(note, [KEY.public], origin="example.com/log") == (HEAD, [KEY.public])
    witnessed = with_signatures(note, "— witness.example AAAAAAAA\n")
    assert open_checkpoint(witnessed, [KEY.public], origin="example.com/log")[0] == HEAD


def test_a_checkpoint_of_another_log_or_key_is_refused():
    note = sign_checkpoint(HEAD, [KEY])
    with pytest.raises(ProofError) as caught:
        open_checkpoint(note, [SigningKey.generate("example.com/log").public], origin="example.com/log")
    assert caught.value.code == "audit.signature"
    with pytest.raises(ProofError) as caught:
        open_checkpoint(note, [KEY.public], origin="example.com/other")
    assert caught.value.code == "audit.origin"
    with pytest.raises(ValueError, match="called as the log"):
        sign_checkpoint(HEAD, [SigningKey.generate("another")])


ROOT = base64.b64encode(b"\x07" * 32).decode()


@pytest.mark.parametrize(
    "text",
    [
        f"log\n01\n{ROOT}\n",
        f"log\n-1\n{ROOT}\n",
        f"log\n1e3\n{ROOT}\n",
        f"log\n٣\n{ROOT}\n",
        f"log\n\n{ROOT}\n",
        f"\n1\n{ROOT}\n",
        f"log\n1\n{ROOT[:-4]}\n",
        f"log\n1\n{ROOT}\n\nextension\n",
        f"log\n1\n{ROOT} \n",
        "log\n1\n",
        f"log\n{10**19}\n{ROOT}\n",
    ],
)
def test_what_is_no_checkpoint_is_refused_though_it_is_signed(text):
    with pytest.raises(ProofError) as caught:
        read_checkpoint(sign_note(text, [SigningKey.generate("log")]))
    assert caught.value.code == "audit.checkpoint"


@given(
    st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters=[chr(c) for c in range(32)]), min_size=1
    )
)
def test_any_line_of_text_can_be_signed_and_no_other_text_passes_for_it(line):
    key = SigningKey.generate("k")
    note = sign_note(line + "\n", [key])
    assert open_note(note, [key.public])[0] == line + "\n"
    with pytest.raises(ProofError):
        open_note("x" + note, [key.public])


@given(st.integers(0, 10**6), st.integers(0, 255), st.data())
def test_one_changed_byte_of_a_checkpoint_is_refused(size, byte, data):
    note = sign_checkpoint(TreeHead("example.com/log", size, bytes([byte]) * 32), [KEY]).encode()
    at = data.draw(st.integers(0, len(note) - 1))
    changed = note[:at] + bytes([note[at] ^ data.draw(st.integers(1, 255))]) + note[at + 1 :]
    with pytest.raises(ProofError):
        open_checkpoint(changed, [KEY.public], origin="example.com/log")
