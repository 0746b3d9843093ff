"""Checkpoints of a ledger: made by themselves, kept, and what opening and verifying make of them."""

import threading
import time

import pytest

from guarita.audit import LedgerCorruptError, LedgerError, ProofError, events, open_ledger
from guarita.audit.checkpointing import Checkpointer
from guarita.audit.notes.checkpoint import TreeHead, open_checkpoint, read_checkpoint, sign_checkpoint
from guarita.audit.notes.ed25519 import SigningKey, VerifyingKey
from guarita.audit.notes.note import with_signatures
from guarita.audit.stores.interface import Checkpoint


def event(number):
    return events.api_activity(time=number, operation=f"call {number}", actor="a")


def fill(ledger, count, start=0):
    ledger.append_all([event(number) for number in range(start, start + count)])


def test_a_checkpoint_is_a_signed_note_of_size_and_root(place):
    with place.open(origin="example.com/log") as ledger:
        fill(ledger, 3)
        made = ledger.checkpoint()
        key = VerifyingKey.parse(made.signed_by[0])
        head, _ = open_checkpoint(made.note, [key], origin="example.com/log")
        assert (head.size, head.root) == (3, ledger.root) == (made.size, made.root)
        assert ledger.checkpoints() == [made]
        assert ledger.checkpoint() == made
        fill(ledger, 1)
        assert [one.size for one in (ledger.checkpoint(), *ledger.checkpoints())] == [4, 3, 4]


def test_closing_leaves_a_checkpoint_and_reading_leaves_none(place):
    with place.open() as ledger:
        fill(ledger, 5)
    with place.open(read_only=True) as ledger:
        assert [one.size for one in ledger.checkpoints()] == [5]
        with pytest.raises(LedgerError):
            ledger.append(event(9))
    with place.open() as ledger:
        assert ledger.size == 5
    with place.open() as ledger:
        assert [one.size for one in ledger.checkpoints()] == [5]


def test_a_checkpoint_is_made_every_so_many_entries(place):
    with place.open(checkpoint_every=10) as ledger:
        for _ in range(4):
            fill(ledger, 25)
            until = time.monotonic() + 30
            while (
                ledger.store.latest_checkpoint() is None
                or ledger.store.latest_checkpoint().size < ledger.size
            ):
                assert time.monotonic() < until
                time.sleep(0.005)
        assert [one.size for one in ledger.checkpoints()][-1] == 100


def test_a_checkpoint_is_made_within_its_time_and_a_failing_signer_is_asked_again():
    made = threading.Event()
    asked = []

    def sign():
        asked.append(1)
        if len(asked) < 3:
            raise LedgerError("audit.key-unreachable", "no answer")
        made.set()
        return 7

    checkpoints = Checkpointer(sign, every=1000, within=0.01)
    checkpoints.grown(0, 7)
    assert made.wait(30)
    assert checkpoints.close() is False
    assert len(asked) == 3


def test_what_no_checkpoint_covers_is_told_at_the_close():
    def sign():
        raise LedgerError("audit.key-unreachable", "no answer")

    checkpoints = Checkpointer(sign, every=1, within=60)
    checkpoints.grown(0, 1)
    assert checkpoints.close() is True
    assert Checkpointer(sign).close() is False


def test_a_signature_of_a_witness_stays_on_the_checkpoint(place):
    with place.open() as ledger:
        fill(ledger, 2)
        made = ledger.checkpoint()
        ledger.store.save_checkpoint(
            Checkpoint(2, with_signatures(made.note, "— witness.example AAAAAAAA\n"))
        )
        assert "witness.example" in ledger.checkpoint().note
    with place.open() as ledger:
        assert "witness.example" in ledger.checkpoints()[0].note


def test_verify_counts_checkpoints_and_says_whose_word_it_takes(place):
    with place.open() as ledger:
        fill(ledger, 300)
        vkey = ledger.checkpoint().signed_by[0]
        fill(ledger, 7)
    with place.open(read_only=True) as ledger:
        verified = ledger.verify()
        assert (verified.size, verified.signed, verified.checkpoints) == (307, 307, 2)
        assert (verified.vkey, verified.pinned) == (vkey, False)
    with place.open(read_only=True, vkey=vkey) as ledger:
        assert ledger.verify().pinned is True


def test_another_pinned_key_is_refused(place, tmp_path):
    with place.open(origin="o") as ledger:
        fill(ledger, 3)
    for wrong, code in (("o", "audit.signature"), ("p", "audit.origin")):
        pinned = SigningKey.generate(wrong).public.vkey
        with pytest.raises(LedgerCorruptError) as caught:
            place.open(read_only=True, vkey=pinned)
        assert caught.value.code == code
    other = str(tmp_path / "other.db")
    with open_ledger(other, origin="o", key="none") as ledger:
        fill(ledger, 3)
        assert ledger.checkpoints() == []
    with (
        open_ledger(other, read_only=True, vkey=SigningKey.generate("o").public.vkey) as ledger,
        pytest.raises(ProofError) as caught,
    ):
        ledger.verify()
    assert caught.value.code == "audit.no-checkpoint"


def test_verify_since_a_checkpoint_reads_what_came_after(place):
    with place.open() as ledger:
        fill(ledger, 700)
        since = ledger.checkpoint()
        assert ledger.verify(since=since.note).checked_from == 700
        fill(ledger, 500, 700)
        verified = ledger.verify(since=since.note)
        assert (verified.checked_from, verified.size) == (700, 1200)
        other = TreeHead(ledger.origin, 700, b"\x01" * 32)
        with pytest.raises(ProofError) as caught:
            ledger.verify(since=sign_checkpoint(other, [SigningKey.generate(ledger.origin)]))
        assert caught.value.code == "audit.signature"


def test_a_log_that_does_not_continue_a_checkpoint_given_away_is_refused(tmp_path):
    key = SigningKey.generate("o")
    (tmp_path / "k").write_text(key.encode() + "\n")
    (tmp_path / "k").chmod(0o600)
    opening = {"origin": "o", "key": str(tmp_path / "k")}
    with open_ledger(str(tmp_path / "a.db"), **opening) as ledger:
        fill(ledger, 10)
        given = ledger.checkpoint().note
    with open_ledger(str(tmp_path / "b.db"), **opening) as ledger:
        fill(ledger, 10, 100)
        with pytest.raises(LedgerCorruptError) as caught:
            ledger.verify(since=given)
        assert caught.value.code == "audit.forked"
    with open_ledger(str(tmp_path / "c.db"), **opening) as ledger:
        fill(ledger, 9)
        with pytest.raises(LedgerCorruptError) as caught:
            ledger.verify(since=given)
        assert (caught.value.code, caught.value.index) == ("audit.shrunk", 9)


def test_nothing_is_signed_that_does_not_continue_the_last_checkpoint(tmp_path):
    import sqlite3

    url = str(tmp_path / "l.db")
    with open_ledger(url) as ledger:
        fill(ledger, 300)
        ledger.checkpoint()
        fill(ledger, 1)
        with sqlite3.connect(url) as connection:
            connection.execute("UPDATE entry SET hash = zeroblob(32) WHERE idx = 299")
        with pytest.raises(LedgerCorruptError) as caught:
            ledger.checkpoint()
        assert caught.value.code == "audit.forked"
        with pytest.raises(LedgerCorruptError):
            ledger.close()
    with sqlite3.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM checkpoint").fetchone() == (1,)


def test_an_empty_log_can_be_signed(place):
    with place.open() as ledger:
        assert read_checkpoint(ledger.checkpoint().note).size == 0
        fill(ledger, 1)
        assert ledger.verify().checkpoints == 1
