"""What a store must do, on every store: one sequence without gaps, retries, many threads, tasks and processes."""

import asyncio
import subprocess
import sys
import threading

import ledger_writer
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guarita.audit import LedgerCorruptError, LedgerError, Query, events, open_ledger
from guarita.audit.merkle.nodes import Nodes
from guarita.audit.merkle.proofs import inclusion_proof, verify_inclusion
from guarita.audit.merkle.tree import CompactRange, leaf_hash
from guarita.audit.stores.interface import RESERVED, Checkpoint, Draft
from guarita.errors import UsageError

WRITER = ledger_writer.__file__


def event(number, **more):
    return events.api_activity(time=number, operation=f"call {number}", actor="a", **more)


def operations(ledger):
    return [found.event["api"]["operation"] for found in ledger.query(Query(class_uid=6003))]


def test_what_is_appended_is_there_in_order_and_proved(place):
    with place.open(origin="example.com/log") as ledger:
        assert [ledger.append(event(n)).index for n in range(3)] == [0, 1, 2]
        assert [one.index for one in ledger.append_all(event(n) for n in range(3, 2600))] == list(
            range(3, 2600)
        )
        assert ledger.append_all([]) == []
        root = ledger.root
    with place.open(read_only=True) as ledger:
        assert (ledger.origin, ledger.size, ledger.root) == ("example.com/log", 2600, root)
        assert operations(ledger) == [f"call {n}" for n in range(2600)]
        assert [leaf.index for leaf in ledger.entries(1020, 1030)] == list(range(1020, 1030))
        tree = CompactRange()
        for leaf in ledger.entries():
            tree.append(leaf_hash(leaf.body))
        assert tree.root() == root
        for index in (0, 255, 256, 2559, 2599):
            proof = inclusion_proof(Nodes(ledger.store.hashes), index, 2600)
            verify_inclusion(index, 2600, ledger.store.hashes(0, index, index + 1), proof, root)
        assert [(node.level, node.index) for node in ledger.store.nodes()] == [(1, n) for n in range(10)]
        assert ledger.verify().size == 2600
        with pytest.raises(LedgerError) as caught:
            ledger.append(event(1))
        assert caught.value.code == "audit.read-only"


def test_a_retry_with_its_key_finds_the_first_entry(place):
    with place.open() as ledger:
        first = ledger.append(event(1), idempotency_key="k-1")
        assert first.duplicate is False
        again = ledger.append(event(2), idempotency_key="k-1")
        assert (again.index, again.leaf_hash, again.duplicate) == (0, first.leaf_hash, True)
        three = ledger.append_all([event(3, uid="k-1"), event(4, uid="k-2"), event(5, uid="k-2"), event(6)])
        assert [(one.index, one.duplicate) for one in three] == [(0, True), (1, False), (1, True), (2, False)]
        assert set(ledger.store.find(["k-1", "k-2", "k-3"])) == {"k-1", "k-2"}
    with place.open() as ledger:
        assert ledger.append(event(9), idempotency_key="k-2").index == 1
        assert ledger.verify().size == 3


@pytest.mark.parametrize(
    "key", ["Ω", "a\u0000b", "a b", "'; DROP TABLE entry; --", "K", "k", "ﬁ", "e\u0301", "é"]
)
def test_keys_are_any_text_and_compared_exactly(place, key):
    with place.open() as ledger:
        for index, one in enumerate([key, key + "x", key.swapcase() + "y"]):
            assert ledger.append(event(1), idempotency_key=one).index == index
        assert ledger.append(event(1), idempotency_key=key).index == 0
        assert ledger.store.find([key])[key].uid == key
        assert ledger.verify().size == 3


def test_a_batch_is_written_whole_or_not_at_all(place, monkeypatch):
    from guarita.audit.stores import postgres, sqlite

    with place.open() as ledger:
        ledger.append(event(0))
        before = (ledger.size, ledger.root)

        def wrong(head, drafts, known):
            made = plan(head, drafts, known)
            made.leaves.append(made.leaves[0])  # the same index twice: the database refuses the last row
            return made

        from guarita.audit.stores.interface import plan

        with monkeypatch.context() as patched:
            for module in (postgres, sqlite):
                patched.setattr(module, "plan", wrong)
            with pytest.raises(LedgerCorruptError):
                ledger.append_all([event(1), event(2)])
        assert (ledger.size, ledger.root) == before
        assert ledger.append(event(3)).index == 1
        assert ledger.verify().size == 2


def test_threads_and_tasks_share_one_sequence(place):
    with place.open() as ledger:
        made = []

        def work(number):
            made.extend(ledger.append(event(number * 100 + n)).index for n in range(20))

        async def tasks():
            return [one.index for one in await asyncio.gather(*(ledger.aappend(event(n)) for n in range(50)))]

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        made.extend(asyncio.run(tasks()))
        for thread in threads:
            thread.join()
        assert sorted(made) == list(range(210))
        assert ledger.verify().size == 210


def test_processes_share_one_sequence_without_gaps(place):
    writers = [
        subprocess.Popen(
            [sys.executable, WRITER, place.url, place.key, str(number), "25"], stdout=subprocess.PIPE
        )
        for number in range(4)
    ]
    said = [writer.communicate(timeout=200)[0].split() for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 4
    made = {
        int(index): int(call) for words in said for index, call in zip(words[::2], words[1::2], strict=True)
    }
    assert sorted(made) == list(range(100))
    with place.open(read_only=True) as ledger:
        assert ledger.verify().size == 100
        assert operations(ledger) == [f"call {made[index]}" for index in range(100)]


def test_checkpoints_keys_and_state_are_kept(place):
    with place.open(key="none") as ledger:
        store = ledger.store
        assert (store.checkpoints(), store.latest_checkpoint(), store.verifiers()) == ([], None, [])
        for size in (5, 3, 9):
            store.save_checkpoint(Checkpoint(size, f"note {size}"))
        store.save_checkpoint(Checkpoint(5, "other — note"))
        assert [one.note for one in store.checkpoints()] == ["note 3", "other — note", "note 9"]
        assert store.latest_checkpoint() == Checkpoint(9, "note 9")
        for vkey in ("z", "a", "z"):
            store.add_verifier(vkey)
        assert store.verifiers() == ["z", "a"]
        assert store.swap_state("sink/a", None, "1") is True
        assert store.swap_state("sink/a", None, "2") is False
        assert store.swap_state("sink/a", "0", "2") is False
        assert store.swap_state("sink/a", "1", "2") is True
        assert store.swap_state("other", None, "x") is True
        assert store.state("sink/") == {"sink/a": "2"}


def test_bodies_are_pruned_and_the_ledgers_own_stay(place):
    with place.open(key="none") as ledger:
        ledger.append_all(event(n, uid=f"k{n}") for n in range(2000))
        ledger.store.append([Draft(b'{"metadata":{"uid":"%sx"}}' % RESERVED.encode(), f"{RESERVED}x")])
        ledger.append(event(2001))
        assert ledger.store.archived() == 0
        ledger.store.prune(2002)
        ledger.store.prune(100)
        assert ledger.store.archived() == 2002
        assert ledger.store.find(["k7"])["k7"].body == b""
        assert ledger.store.find([f"{RESERVED}x"])[f"{RESERVED}x"].body.startswith(b"{")
        assert list(ledger.store.leaves(2001)) == []
        assert len(ledger.store.hashes(0, 0, 2002)) == 2002 * 32


def test_a_ledger_that_is_not_there_is_made_only_on_request(place):
    for options in ({"read_only": True}, {"create": False}):
        with pytest.raises(UsageError) as caught:
            place.open(**options)
        assert caught.value.code == "audit.no-ledger"
    place.open().close()
    place.open(create=False).close()


EDITS = {
    "body": "UPDATE body SET bytes = '{}' WHERE idx = 7",
    "hash": "UPDATE entry SET hash = '{}' WHERE idx = 7",
    "key": "UPDATE entry SET uid = 'other' WHERE idx = 7",
    "gone": "DELETE FROM body WHERE idx = 7",
    "moved": "UPDATE entry SET idx = 99999 WHERE idx = 7",
    "node": "DELETE FROM node WHERE idx = 0",
}


@pytest.mark.parametrize("edit", EDITS)
def test_edits_are_found_and_placed(place, edit):
    with place.open() as ledger:
        ledger.append_all(event(n, uid=f"k{n}") for n in range(300))
    sql(place, EDITS[edit])
    with place.open(read_only=True, check=False) as ledger, pytest.raises(LedgerCorruptError) as caught:
        ledger.verify()
    assert caught.value.index == (0 if edit == "node" else 7)
    with pytest.raises(LedgerCorruptError):
        place.open()


def sql(place, statement):
    if place.url.startswith("postgresql"):
        import psycopg

        from guarita.audit.stores.postgres_session import Place

        parsed = Place.parse(place.url)
        with psycopg.connect(parsed.conninfo, autocommit=True) as connection:
            connection.execute(f"SET search_path TO {parsed.schema}")
            connection.execute(statement)
    else:
        import sqlite3

        with sqlite3.connect(place.url) as connection:
            connection.execute(statement)
        connection.close()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(st.tuples(st.integers(0, 9), st.none() | st.integers(0, 5)), max_size=6), max_size=8)
)
def test_any_batches_give_the_sequence_of_a_plain_list(place, batches):
    with place.open() as ledger:
        expected, seen = [leaf.body for leaf in ledger.entries()], {}
        seen = {leaf.uid: leaf.index for leaf in ledger.entries() if leaf.uid}
        for batch in batches:
            made = [event(n, uid=None if key is None else f"k{key}") for n, key in batch]
            answers = ledger.append_all(made)
            for one, answer in zip(made, answers, strict=True):
                uid = one.metadata.uid or None
                known = seen.get(uid) if uid else None
                assert answer.index == (len(expected) if known is None else known)
                if known is None:
                    expected.append(next(ledger.entries(answer.index)).body)
                    seen |= {uid: answer.index} if uid else {}
        assert [leaf.body for leaf in ledger.entries()] == expected
        assert ledger.verify().size == len(expected)


@pytest.mark.servers
def test_a_url_may_leave_the_server_to_a_service_file(postgres, tmp_path, monkeypatch):
    """As a pod has it, whose Secret is a file of libpq's: https://www.postgresql.org/docs/current/libpq-pgservice.html."""
    service = tmp_path / "pg_service.conf"
    service.write_text(f"[ledger]\nhost=127.0.0.1\nport={postgres.port}\nuser=guarita\ndbname=postgres\n")
    monkeypatch.setenv("PGSERVICEFILE", str(service))
    url = "postgresql:///?service=ledger&schema=by_service"
    with open_ledger(url, origin="test/service", key="none") as ledger:
        ledger.append(event(1))
    with open_ledger(postgres.url(schema="by_service"), key="none") as ledger:
        assert operations(ledger) == ["call 1"]
