"""Proofs of single entries: written by one who has the log, checked by one who has only its key."""

import base64
import json
import subprocess
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guarita.audit import LedgerCorruptError, LedgerError, ProofError, events, open_ledger
from guarita.audit.merkle.tree import leaf_hash, node_hash
from guarita.audit.notes.checkpoint import TreeHead, sign_checkpoint
from guarita.audit.notes.ed25519 import SigningKey
from guarita.audit.notes.proof import TlogProof
from guarita.audit.prove import check_proof
from guarita.errors import UsageError

GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"
SIZE = 300


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    url = tmp_path_factory.mktemp("log") / "l.db"
    with open_ledger(str(url), origin="example.com/log") as ledger:
        ledger.append_all(
            [
                events.api_activity(time=n, operation=f"call {n}", actor="ana" if n % 100 == 7 else "bob")
                for n in range(SIZE)
            ]
        )
        return url, ledger.checkpoint().signed_by[0]


@pytest.fixture(scope="module")
def proved(log):
    with open_ledger(str(log[0]), read_only=True) as ledger:
        return {index: ledger.prove(index).encode() for index in range(SIZE)}


def test_every_entry_can_be_proved_by_the_key_alone(log, proved):
    for index, text in proved.items():
        shown = check_proof(text, [log[1]])
        assert (shown.index, shown.size, shown.origin) == (index, SIZE, "example.com/log")
        assert shown.event["api"]["operation"] == f"call {index}"


def test_the_file_is_laid_out_as_the_specification_says(proved):
    lines = proved[5].splitlines()
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert lines[1].startswith("extra ")
    assert lines[2] == "index 5"
    path = lines[3 : lines.index("")]
    assert all(len(base64.b64decode(one)) == 32 for one in path)
    assert lines[lines.index("") + 1 :][:2] == ["example.com/log", "300"]


@given(st.integers(0, SIZE - 1), st.data())
def test_a_proof_with_one_changed_byte_is_refused(log, proved, index, data):
    raw = proved[index].encode()
    at = data.draw(st.integers(0, len(raw) - 1))
    raw = raw[:at] + bytes([raw[at] ^ data.draw(st.integers(1, 255))]) + raw[at + 1 :]
    with pytest.raises(ProofError):
        check_proof(raw.decode(errors="surrogateescape"), [log[1]])


KEY = SigningKey.generate("log")
LEAVES = [leaf_hash(b'{"n":%d}' % n) for n in range(2)]
NOTE = sign_checkpoint(TreeHead("log", 2, node_hash(*LEAVES)), [KEY])


def test_a_proof_made_elsewhere_is_read_with_and_without_the_entry():
    given = f"c2sp.org/tlog-proof@v1\nindex 1\n{base64.b64encode(LEAVES[0]).decode()}\n\n{NOTE}"
    assert check_proof(given, [KEY.public.vkey], b'{"n":1}').event == {"n": 1}
    with pytest.raises(ProofError) as caught:
        check_proof(given, [KEY.public.vkey])
    assert caught.value.code == "audit.no-entry"
    with pytest.raises(ProofError) as caught:
        check_proof(given, [KEY.public.vkey], b'{"n":0}')
    assert caught.value.code == "audit.inclusion"
    other = SigningKey.generate("other")
    note = sign_checkpoint(TreeHead("other", 2, node_hash(*LEAVES)), [other])
    for keys, code in (([KEY.public.vkey], "audit.signature"), ([other.public.vkey], None)):
        attempt = given.replace(NOTE, note)
        if code is None:
            assert check_proof(attempt, keys, b'{"n":1}').origin == "other"
            continue
        with pytest.raises(ProofError) as caught:
            check_proof(attempt, keys, b'{"n":1}')
        assert caught.value.code == code


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c2sp.org/tlog-proof@v1\n",
        f"c2sp.org/tlog-proof@v2\nindex 0\n\n{NOTE}",
        f"c2sp.org/tlog-proof@v1\nindex 00\n\n{NOTE}",
        f"c2sp.org/tlog-proof@v1\nindex +1\n\n{NOTE}",
        f"c2sp.org/tlog-proof@v1\nindex 1\nextra AAAA\n\n{NOTE}",
        f"c2sp.org/tlog-proof@v1\nextra AAAA\n\n{NOTE}",
        f"c2sp.org/tlog-proof@v1\nextra AAA\nindex 1\n\n{NOTE}",
        f"c2sp.org/tlog-proof@v1\nindex 1\nAAAA\n\n{NOTE}",
        "c2sp.org/tlog-proof@v1\nindex 1\n" + ("A" * 43 + "=\n") * 64 + f"\n{NOTE}",
        "c2sp.org/tlog-proof@v1\nindex 1\n\n" + "x" * 1_000_000,
    ],
)
def test_what_is_no_proof_is_refused(text):
    with pytest.raises(ProofError) as caught:
        TlogProof.parse(text)
    assert caught.value.code == "audit.tlog-proof"


def test_an_entry_that_is_not_there_or_not_signed_yet_is_not_proved(log, tmp_path):
    with open_ledger(str(log[0]), read_only=True) as ledger:
        for index in (-1, SIZE):
            with pytest.raises(UsageError) as caught:
                ledger.prove(index)
            assert caught.value.code == "audit.no-entry"
    with open_ledger(str(tmp_path / "l.db")) as ledger:
        for already in (False, True):
            ledger.append(events.api_activity(time=1, operation="x", actor="a"))
            with pytest.raises(UsageError) as caught:
                ledger.prove(int(already))
            assert caught.value.code == "audit.not-signed"
            ledger.checkpoint()
            ledger.prove(int(already))


def test_an_edited_entry_is_not_proved(tmp_path):
    import sqlite3

    with open_ledger(str(tmp_path / "l.db")) as ledger:
        ledger.append_all([events.api_activity(time=n, operation="x", actor="a") for n in range(9)])
        ledger.checkpoint()
        with sqlite3.connect(tmp_path / "l.db") as connection:
            connection.execute("UPDATE body SET bytes = x'7b7d' WHERE idx = 4")
            connection.execute("UPDATE entry SET hash = zeroblob(32) WHERE idx = 7")
            connection.execute("DELETE FROM body WHERE idx = 8")
        for index in (4, 6, 8):  # its own bytes, its sibling, gone
            with pytest.raises(LedgerCorruptError) as caught:
                ledger.prove(index)
            assert caught.value.index == index
        ledger._checkpoints.close()
        ledger.store.prune(2)
        with pytest.raises(LedgerError) as caught:
            ledger.prove(1)
        assert caught.value.code == "audit.archived"
        ledger.signing._source = None


def guarita(*arguments, cwd):
    return subprocess.run(
        [GUARITA, "audit", *map(str, arguments)],
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_proves_and_another_place_checks(log, proved, tmp_path):
    url, vkey = log
    done = guarita("prove", 12, "--ledger", url, "-o", "a.tlog-proof", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "a.tlog-proof: 1 proof\n")
    assert (tmp_path / "a.tlog-proof").read_text() == proved[12]
    assert guarita("prove", 12, "--ledger", url, cwd=tmp_path).stdout == proved[12]
    done = guarita("verify", "--proof", "a.tlog-proof", "--vkey", vkey, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "entry 12 stands in the log example.com/log" in done.stdout
    done = guarita("verify", "--proof", "a.tlog-proof", "--vkey", vkey, "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["proved"]["event"]["api"]["operation"] == "call 12"
    wrong = SigningKey.generate("example.com/log").public.vkey
    done = guarita("verify", "--proof", "a.tlog-proof", "--vkey", wrong, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")


def test_the_command_proves_what_a_query_finds(log, proved, tmp_path):
    url, _ = log
    done = guarita("prove", "--query", "--actor", "ana", "-o", "found", "--ledger", url, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = {path.name: path.read_text() for path in (tmp_path / "found").iterdir()}
    assert found == {f"{n}.tlog-proof": proved[n] for n in (7, 107, 207)}
    nothing = guarita("prove", "--query", "--actor", "eve", "-o", "none", "--ledger", url, cwd=tmp_path)
    assert nothing.returncode == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("prove",),
        ("prove", "1", "--query"),
        ("prove", "1", "--actor", "x"),
        ("prove", "--query", "--actor", "x"),
        ("prove", "999"),
        ("verify", "--proof", "l.db"),
        ("verify", "--vkey", "nonsense"),
        ("verify", "--entry", "l.db"),
    ],
)
def test_wrong_calls_are_refused_in_a_line(log, arguments):
    done = guarita(*arguments, "--ledger", "l.db", cwd=log[0].parent)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
