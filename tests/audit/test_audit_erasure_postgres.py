"""Erasure with the ledger and its keys in PostgreSQL: many nodes, dead rows, a server that dies."""

import base64
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import psycopg
import pytest

from guarita.audit import LedgerUnavailableError, Personal, Query, events, open_ledger

pytestmark = pytest.mark.servers
CANARY = "Kanarienvogel da Silva"
SUBJECT = "subject-4711"


@pytest.fixture
def schema():
    return f"t{os.urandom(6).hex()}"


@pytest.fixture
def url(postgres, schema):
    return postgres.url(schema=schema)


@pytest.fixture
def opened(url, tmp_path):
    def open_(**options):
        return open_ledger(url, key=str(tmp_path / "l.key"), **options)

    return open_


def login(subject=SUBJECT, value=CANARY):
    return events.authentication(time=1, user=Personal(subject, value), service="gateway", success=True)


def users(ledger, **query):
    return [found.event.get("user", {}).get("uid") for found in ledger.query(Query(**query), reveal=True)]


def rows(postgres, schema, query="SELECT id, key FROM subject"):
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"SET search_path TO {schema}_keys")
        return connection.execute(query).fetchall()


def tables(postgres):
    """The bytes of every table and index of the server; not its write-ahead log, of which nothing is promised."""
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute("CHECKPOINT")
    return b"".join(path.read_bytes() for path in (Path(postgres.data) / "base").rglob("*") if path.is_file())


def test_values_open_and_are_erased_and_nothing_of_the_key_stays_in_any_table(postgres, schema, opened):
    with opened() as ledger:
        ledger.append(login())
        for number in range(50):
            ledger.append(login(f"other-{number}", "x"))
        assert users(ledger, actor=CANARY) == [CANARY]
        (gone,) = {bytes(key) for _, key in rows(postgres, schema)} - {
            bytes(key)
            for id_, key in rows(postgres, schema)
            if bytes(id_) != ledger._keys.of_subject(SUBJECT)
        }
        assert gone in tables(postgres)
        with psycopg.connect(postgres.url()) as old:
            # An old snapshot, for whose sake the server would keep the deleted row.
            old.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            old.execute("SELECT 1")
            (done,) = ledger.erase(SUBJECT)
            assert gone not in tables(postgres)
        assert done.index == 51
        found = tables(postgres)
        assert CANARY.encode() not in found
        assert SUBJECT.encode() not in found
        assert users(ledger)[0] == "(erased)"
        assert users(ledger)[1] == "x"
        assert ledger.erase(SUBJECT) == []
        assert ledger.verify().size == 52
        ledger.append(login())
        assert users(ledger)[-1] == CANARY


def test_many_nodes_seal_for_one_subject_under_one_key(postgres, schema, url, opened):
    child = textwrap.dedent("""
        import sys
        from guarita.audit import Personal, events, open_ledger
        with open_ledger(sys.argv[1], key=sys.argv[2]) as ledger:
            for n in range(10):
                ledger.append(events.user_change(time=n, user=Personal("one", sys.argv[3]), activity="enable"))
    """)
    with opened() as ledger:
        key = str(ledger.signing.paths()[0])
        running = [subprocess.Popen([sys.executable, "-c", child, url, key, str(n)]) for n in range(3)]
        assert [one.wait() for one in running] == [0] * 3
        assert len(rows(postgres, schema)) == 1
        assert sorted(users(ledger)) == sorted(str(n) for n in range(3) for _ in range(10))
        # Another node erases, and this one reads and seals as if it had done so itself.
        with opened() as other:
            assert len(other.erase("one")) == 1
        assert set(users(ledger)) == {"(erased)", None}
        ledger.append(login("one", "again"))
        assert users(ledger)[-1] == "again"


def test_an_erasure_that_is_not_recorded_yet_is_finished_later(postgres, schema, opened):
    with opened() as ledger:
        ledger.append(login())
        ledger._keys.destroy([ledger._keys.of_subject(SUBJECT)])
    with opened() as ledger:
        assert users(ledger) == ["(erased)"]
        assert len(ledger.erase(SUBJECT)) == 1
        assert rows(postgres, schema, "SELECT recorded FROM destroyed") == [(True,)]
        assert users(ledger) == ["(erased)", None]


def test_keys_that_came_back_are_destroyed_again_from_the_log(postgres, schema, opened):
    with opened() as ledger:
        ledger.append(login())
        (before,) = rows(postgres, schema, "SELECT lookup, id, key FROM subject")
        ledger.erase(SUBJECT)
        with psycopg.connect(postgres.url(), autocommit=True) as connection:
            connection.execute(f"INSERT INTO {schema}_keys.subject VALUES (%s, %s, %s)", before)
        assert users(ledger)[0] == CANARY
        assert len(ledger.replay_erasures()) == 1
        assert users(ledger) == ["(erased)", None]


def test_a_master_key_wraps_them(postgres, schema, opened, monkeypatch):
    monkeypatch.setenv("SEALING", base64.b64encode(bytes(range(32))).decode())
    with opened(sealing_key="env:SEALING") as ledger:
        ledger.append(login())
        assert users(ledger) == [CANARY]
    assert [len(key) for _, key in rows(postgres, schema)] == [60]
    with opened(read_only=True) as ledger:
        assert users(ledger) == ["(sealed)"]


def test_without_keys_a_reader_makes_none(postgres, schema, opened):
    with opened() as ledger:
        ledger.append(events.api_activity(time=1, operation="x", actor="service"))
        assert ledger.erase(SUBJECT) == []
    with opened(read_only=True) as ledger:
        assert users(ledger) == [None]
    with psycopg.connect(postgres.url()) as connection:
        found = connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (f"{schema}_keys",))
        assert found.fetchall() == []


def test_keys_of_another_log_are_refused(postgres, schema, opened):
    with opened() as ledger:
        ledger.append(login())
    rows(postgres, schema, "UPDATE log SET origin = 'another' RETURNING 1")
    with opened() as ledger:
        with pytest.raises(LedgerUnavailableError) as caught:
            ledger.append(login())
        assert caught.value.code == "audit.key-origin"
