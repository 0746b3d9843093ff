"""Every store of API keys does the same: these tests run on each."""

import concurrent.futures
import dataclasses
import os
import signal
import threading

import hvac
import pytest
import servers

from guarita.gateway.apikeys import manage
from guarita.gateway.apikeys.hashing import Pepper, Peppers
from guarita.gateway.apikeys.interface import ConflictError, KeyRecord, StoreError
from guarita.gateway.apikeys.postgres import PostgresKeyStore
from guarita.gateway.apikeys.sqlite import SqliteKeyStore
from guarita.gateway.apikeys.vault import VaultKeyStore

PEPPERS = Peppers([Pepper(bytes(range(32)))])
DAY = 86_400


@pytest.fixture(
    params=["sqlite", *(pytest.param(name, marks=pytest.mark.servers) for name in ("postgres", "vault"))]
)
def opener(request, tmp_path):
    """Opens the same store any number of times."""
    if request.param == "sqlite":
        return lambda: SqliteKeyStore(tmp_path / "keys.db", timeout=20, create=True)
    if request.param == "postgres":
        url = request.getfixturevalue("database")
        return lambda: PostgresKeyStore(url, timeout=20, create=True)
    address, path = request.getfixturevalue("openbao"), f"keys-{os.urandom(6).hex()}"
    return lambda: VaultKeyStore(
        "secret", path, timeout=20, client=hvac.Client(address, token=servers.BAO_TOKEN, timeout=20)
    )


@pytest.fixture
def store(opener):
    store = opener()
    yield store
    store.close()


def record(key_id="a" * 12, **changes):
    return dataclasses.replace(
        KeyRecord(
            key_id=key_id, name="batch", subject="svc", environment="live", digest=b"d" * 32, pepper="p",
            created=1000.5, expires=2000.25, scopes=frozenset({"docs:read", "x"}), roles=frozenset({"r"}),
        ),
        **changes,
    )  # fmt: skip


def test_what_was_added_is_found_by_another_opener(store, opener):
    first, second = record(), record("b" * 12, created=999.0, scopes=frozenset(), roles=frozenset())
    store.add(first)
    store.add(second)
    other = opener()
    assert other.get(first.key_id) == first
    assert other.get("c" * 12) is None
    assert other.every() == [second, first]
    other.close()


def test_an_empty_store_has_no_keys(store):
    assert store.every() == []
    assert store.get("a" * 12) is None
    assert store.revoke("a" * 12, 1.0) is None


def test_an_id_is_given_once(store):
    store.add(record())
    with pytest.raises(ConflictError) as caught:
        store.add(record(name="another"))
    assert caught.value.code == "apikey.exists"
    assert store.get("a" * 12).name == "batch"


def test_the_first_revocation_stands(store):
    store.add(record())
    assert store.revoke("a" * 12, 1500.0).revoked == 1500.0
    assert store.revoke("a" * 12, 1600.0).revoked == 1500.0
    assert store.get("a" * 12).revoked == 1500.0


def test_last_uses_never_go_back(store):
    store.add(record())
    store.used({"a" * 12: 7200, "z" * 12: 3600})
    store.used({"a" * 12: 3600})
    assert store.get("a" * 12).last_used == 7200


def test_a_replaced_key_lives_on_for_the_overlap_only(store):
    store.add(record())
    store.replace("a" * 12, record("b" * 12), old_expires=1600.0, now=1500.0)
    old = store.get("a" * 12)
    assert (old.expires, old.replaced_by) == (1600.0, "b" * 12)
    assert store.get("b" * 12) == record("b" * 12)


def test_an_overlap_lengthens_no_life(store):
    store.add(record())
    store.replace("a" * 12, record("b" * 12), old_expires=9999.0, now=1500.0)
    assert store.get("a" * 12).expires == 2000.25


@pytest.mark.parametrize("how", ["missing", "revoked", "expired", "replaced"])
def test_only_an_active_key_is_replaced(store, how):
    if how != "missing":
        store.add(record())
    if how == "revoked":
        store.revoke("a" * 12, 1400.0)
    if how == "replaced":
        store.replace("a" * 12, record("c" * 12), old_expires=1900.0, now=1400.0)
    with pytest.raises(ConflictError) as caught:
        store.replace(
            "a" * 12, record("b" * 12), old_expires=1600.0, now=2500.0 if how == "expired" else 1500.0
        )
    assert caught.value.code == "apikey.not-active"
    assert store.get("b" * 12) is None or store.get("b" * 12).revoked is not None


def test_of_many_rotations_at_once_one_wins(store, opener):
    store.add(record(created=0.0, expires=10.0 * DAY))
    together = threading.Barrier(4)

    def rotate(_):
        mine = opener()
        mine.get("a" * 12)
        together.wait(30)
        try:
            return manage.rotate(mine, PEPPERS, "a" * 12, now=100.0, expires=20.0 * DAY, overlap=50.0)[
                1
            ].key_id
        except ConflictError as error:
            return error.code
        finally:
            mine.close()

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(rotate, range(4)))
    won = [answer for answer in answers if answer != "apikey.not-active"]
    assert len(won) == 1
    active = {one.key_id for one in store.every() if one.state(100.0) == "active"}
    assert active == {"a" * 12, won[0]}
    assert store.get("a" * 12).replaced_by == won[0]


def test_threads_share_a_store(store):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.add(record(f"{n:012d}")), range(24)))
        found = list(pool.map(lambda n: store.get(f"{n:012d}").key_id, range(24)))
    assert found == [f"{n:012d}" for n in range(24)]


def test_a_file_that_is_not_there_is_not_an_empty_store(tmp_path):
    with pytest.raises(StoreError) as caught:
        SqliteKeyStore(tmp_path / "keys.db", timeout=1).get("a" * 12)
    assert (caught.value.code, caught.value.status) == ("apikey.store-unavailable", 503)
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_its_owners_alone(tmp_path):
    store = SqliteKeyStore(tmp_path / "keys.db", timeout=1, create=True)
    store.add(record())
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}


def test_a_row_that_is_no_key_is_none(tmp_path):
    import sqlite3

    SqliteKeyStore(tmp_path / "keys.db", timeout=1, create=True).add(record())
    with sqlite3.connect(tmp_path / "keys.db") as connection:
        connection.execute("UPDATE api_key SET scopes = '[\"*\", 7]'")
    with pytest.raises(StoreError):
        SqliteKeyStore(tmp_path / "keys.db", timeout=1).get("a" * 12)


@pytest.mark.servers
def test_a_database_that_hangs_is_left_within_the_bound_and_used_again_when_it_is_back():
    with servers.postgres() as server:
        store = PostgresKeyStore(server.url(), timeout=1, create=True)
        store.add(record())
        for process in server.processes():
            os.kill(process, signal.SIGSTOP)
        with pytest.raises(StoreError):
            store.get("a" * 12)
        with pytest.raises(StoreError):  # a new connection hangs too
            store.get("a" * 12)
        for process in server.processes():
            os.kill(process, signal.SIGCONT)
        assert store.get("a" * 12) == record()
        server.stop()
        with pytest.raises(StoreError):
            store.get("a" * 12)
        server.start()
        assert store.get("a" * 12) == record()
        store.close()


@pytest.mark.servers
def test_vault_out_of_reach_or_unwilling_is_no_answer(openbao):
    for client in (
        hvac.Client("http://127.0.0.1:9", token="x", timeout=1),
        hvac.Client(openbao, token="kanarienvogel", timeout=5),
    ):
        with pytest.raises(StoreError) as caught:
            VaultKeyStore("secret", "keys", timeout=1, client=client).get("a" * 12)
        assert "kanarienvogel" not in str(caught.value)
