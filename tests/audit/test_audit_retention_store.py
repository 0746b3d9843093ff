"""Pruning in the store: bodies go, hashes, keys and proofs stay, and the log must say that they went."""

import sqlite3

import pytest

from guarita.audit import LedgerCorruptError, LedgerError, events, open_ledger
from guarita.audit.merkle.nodes import Nodes
from guarita.audit.merkle.proofs import inclusion_proof, verify_inclusion
from guarita.audit.retention.entry import archived_below


def filled(tmp_path, count=3000):
    ledger = open_ledger(str(tmp_path / "l.db"), origin="example.com/log")
    made = [
        events.api_activity(time=index, operation="x", actor="a", uid=f"k{index}") for index in range(count)
    ]
    ledger.append_all(made)
    return ledger


def pruned(ledger, stop):
    ledger.prune(stop, size=ledger.size, root=ledger.root.hex())


def test_pruned_entries_keep_their_place_their_key_and_their_proofs(tmp_path):
    with filled(tmp_path) as ledger:
        proof = inclusion_proof(Nodes(ledger.store.hashes), 5, 3000)
        leaf, root = ledger.store.hashes(0, 5, 6), ledger.root
        pruned(ledger, 2560)
        assert ledger.archived == 2560
        verify_inclusion(5, 3000, leaf, inclusion_proof(Nodes(ledger.store.hashes), 5, 3000), root)
        assert proof == inclusion_proof(Nodes(ledger.store.hashes), 5, 3000)
        verified = ledger.verify()
        assert (verified.size, verified.archived) == (3001, 2560)
        again = ledger.append(events.api_activity(time=5, operation="x", actor="a", uid="k5"))
        assert (again.index, again.duplicate) == (5, True)
        assert [found.index for found in ledger.query()] == list(range(2560, 3001))
        assert [leaf.index for leaf in ledger.entries(2990)] == list(range(2990, 3001))
        with pytest.raises(LedgerError) as caught:
            next(ledger.entries(2559))
        assert caught.value.code == "audit.archived"
    rows = sqlite3.connect(tmp_path / "l.db").execute("SELECT min(idx), count(*) FROM body").fetchone()
    assert rows == (2560, 441)


def test_pruning_twice_and_less_changes_nothing_and_an_interrupted_one_is_finished(tmp_path):
    with filled(tmp_path) as ledger:
        pruned(ledger, 2560)
        ledger.store.prune(256)
        assert ledger.archived == 2560
        with sqlite3.connect(tmp_path / "l.db") as connection:  # as if killed before the last piece
            connection.execute("INSERT INTO body VALUES (2000, 'left')")
        ledger.store.prune(2560)
        left = sqlite3.connect(tmp_path / "l.db").execute("SELECT count(*) FROM body WHERE idx < 2560")
        assert left.fetchone() == (0,)
        assert ledger.verify().archived == 2560


@pytest.mark.parametrize("declared", [0, 256])
def test_bodies_that_went_without_a_word_in_the_log_are_missed(tmp_path, declared):
    with filled(tmp_path) as ledger:
        if declared:
            pruned(ledger, declared)
        ledger.store.prune(512)
        with pytest.raises(LedgerCorruptError) as caught:
            ledger.verify()
        assert (caught.value.code, caught.value.index) == ("audit.missing", declared)


def test_an_edited_hash_among_archived_entries_is_found(tmp_path):
    with filled(tmp_path) as ledger:
        pruned(ledger, 2560)
    with sqlite3.connect(tmp_path / "l.db") as connection:
        connection.execute("UPDATE entry SET hash = zeroblob(32) WHERE idx = 700")
    with open_ledger(str(tmp_path / "l.db")) as ledger, pytest.raises(LedgerCorruptError) as caught:
        ledger.verify()
    assert caught.value.index == 512


def test_only_the_logs_own_entry_counts():
    assert archived_below(b'{"archived_below":5}') == 0
    assert archived_below(b'"archived_below"') == 0
    ours = (
        b'{"class_uid":3004,"metadata":{"uid":"guarita.ledger:archived:5"},"entity":{"type":"audit-log"},'
        b'"unmapped":{"guarita":{"archived_below":5}}}'
    )
    assert archived_below(ours) == 5
    assert archived_below(ours.replace(b"audit-log", b"secret")) == 0
    assert archived_below(ours.replace(b"guarita.ledger:", b"guarita:")) == 0


def test_state_beside_the_log_is_swapped_only_from_what_was_read(tmp_path):
    with filled(tmp_path, 1) as ledger:
        store = ledger.store
        assert store.swap_state("sink/a", None, "1")
        assert not store.swap_state("sink/a", None, "2")
        assert not store.swap_state("sink/a", "0", "2")
        assert store.swap_state("sink/a", "1", "2")
        assert store.swap_state("sink/b", None, "x")
        assert not store.swap_state("other", "absent", "x")
        assert store.swap_state("sink_c", None, "y")
        assert store.state("sink/") == {"sink/a": "2", "sink/b": "x"}
        assert ledger.verify().size == 1
