"""Whatever is changed in a ledger's file is found, and where it is: through SQL, and byte by byte below it."""

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from guarita.audit import LedgerCorruptError, LedgerError, events, open_ledger
from guarita.audit.merkle.tree import CompactRange, leaf_hash
from guarita.errors import GuaritaError

ENTRIES = 530
TABLES = {
    "head": ("size", "peaks"),
    "entry": ("idx", "hash", "uid"),
    "body": ("idx", "bytes"),
    "node": ("level", "idx", "hash"),
    "checkpoint": ("size", "note", "digest"),
    "verifier": ("vkey",),
    "meta": ("value",),
}


def event(number, operation="call"):
    uid = f"key-{number}" if number % 3 == 0 else None
    return events.api_activity(time=number, operation=f"{operation} {number}", actor="a", uid=uid)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A closed ledger with checkpoints, two levels of nodes and a rotated key; and one with its constraints off."""
    folder = tmp_path_factory.mktemp("original")
    with open_ledger(str(folder / "l.db"), origin="example.com/log") as ledger:
        for start in range(0, ENTRIES - 1, 200):
            ledger.append_all([event(number) for number in range(start, min(start + 200, ENTRIES - 1))])
            ledger.checkpoint()
        ledger.rotate_key()
        assert ledger.size == ENTRIES
    shutil.copy(folder / "l.db", folder / "loose.db")
    with editing(folder / "loose.db") as connection:
        connection.execute("PRAGMA writable_schema = ON")
        for kind, constraint in (("table", " NOT NULL"), ("index", " UNIQUE")):
            connection.execute(
                "UPDATE sqlite_master SET sql = replace(sql, ?, '') WHERE type = ?", (constraint, kind)
            )
    return folder


def copied(source, folder):
    """A copy to edit; what an earlier one left beside it is no part of it."""
    for beside in folder.glob("edited.db*"):
        beside.unlink()
    return Path(shutil.copy(source, folder / "edited.db"))


@contextlib.contextmanager
def editing(path):
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        yield connection


def content(path):
    with open_ledger(str(path), read_only=True) as ledger:
        verified = ledger.verify()
        leaves = [(leaf.index, leaf.body, leaf.uid) for leaf in ledger.entries()]
        return verified, leaves, [one.note for one in ledger.checkpoints()], ledger.store.verifiers()


def pick(data, connection):
    table = data.draw(st.sampled_from(sorted(TABLES)))
    column = data.draw(st.sampled_from(TABLES[table]))
    condition = "WHERE key = 'origin'" if table == "meta" else ""
    keys = "level, idx" if table == "node" else "key" if table == "meta" else "rowid"
    rows = connection.execute(f"SELECT {keys} FROM {table} {condition} ORDER BY 1").fetchall()
    row = data.draw(st.sampled_from(rows))
    where = " AND ".join(f"{name} = ?" for name in keys.split(", "))
    (value,) = connection.execute(f"SELECT {column} FROM {table} WHERE {where}", row).fetchone()
    return table, column, where, row, value


def changed(data, value):
    kinds = ["null", "number", "text", "blob"]
    if isinstance(value, (str, bytes)) and value:
        kinds += ["flip", "flip", "flip", "cut", "other type"]
    kind = data.draw(st.sampled_from(kinds))
    raw = value.encode() if isinstance(value, str) else value
    if kind == "flip":
        at = data.draw(st.integers(0, len(raw) - 1))
        raw = raw[:at] + bytes([raw[at] ^ data.draw(st.integers(1, 255))]) + raw[at + 1 :]
        return ("CAST(? AS TEXT)", raw) if isinstance(value, str) else ("?", raw)
    if kind == "cut":
        return ("CAST(? AS TEXT)", raw[:-1]) if isinstance(value, str) else ("?", raw[:-1])
    if kind == "other type":
        return ("?", raw) if isinstance(value, str) else ("CAST(? AS TEXT)", raw)
    if kind == "null":
        return "?", None
    if kind == "number":
        return "?", data.draw(st.integers(-(2**63), 2**63 - 1) | st.integers(-3, ENTRIES + 3))
    return "?", data.draw(st.text(max_size=5) if kind == "text" else st.binary(max_size=40))


def placed(error, table, row):
    """Whether the error says where the edited row is."""
    if table in {"entry", "body"}:
        return error.index == row[0]
    if table == "node":
        level, index = row
        return error.index is not None and error.index >> (8 * level) == index
    if table == "checkpoint":
        return f"size {row[0]}" in str(error)
    return True


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_an_edit_of_any_value_is_found_and_placed(original, tmp_path, data):
    path = copied(original / "loose.db", tmp_path)
    with editing(path) as connection:
        table, column, where, row, value = pick(data, connection)
        into, new = changed(data, value)
        try:
            connection.execute(f"UPDATE {table} SET {column} = {into} WHERE {where}", (new, *row))
        except sqlite3.Error:
            assume(False)
        same = f"SELECT {column} IS ? AND typeof({column}) = typeof(?) FROM {table} WHERE {where}"
        still = connection.execute(same, (value, value, *row)).fetchone()
        assume(still != (1,))
    with pytest.raises(LedgerError) as caught, open_ledger(str(path), read_only=True, check=False) as ledger:
        ledger.verify()
    assert isinstance(caught.value, LedgerCorruptError)
    assert placed(caught.value, table, row), (table, column, row, str(caught.value))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_row_that_is_taken_away_is_found_and_placed(original, tmp_path, data):
    path = copied(original / "loose.db", tmp_path)
    with editing(path) as connection:
        table, _, where, row, _ = pick(data, connection)
        # A checkpoint less is a log that signed less often: only somebody who holds it can tell.
        assume(table != "checkpoint")
        # The newest key signed beside the first, so that without its record everything still holds.
        assume(table != "verifier" or row[0] == 1)
        connection.execute(f"DELETE FROM {table} WHERE {where}", row)
    with (
        pytest.raises(LedgerCorruptError) as caught,
        open_ledger(str(path), read_only=True, check=False) as ledger,
    ):
        ledger.verify()
    assert placed(caught.value, table, row), (table, row, str(caught.value))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_flipped_byte_of_the_file_is_found_or_changes_nothing(original, tmp_path, data):
    path = copied(original / "l.db", tmp_path)
    raw = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(raw) - 1) | st.integers(0, 4095))
    raw[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw)
    try:
        found = content(path)
    except GuaritaError:
        return
    assert found == content(original / "l.db")


def rewrite(path, bodies):
    """Make the log another one, in all consistency: what somebody does who knows the format, without the key."""
    tree = CompactRange()
    with editing(path) as connection:
        for table in ("entry", "body", "node"):
            connection.execute(f"DELETE FROM {table}")
        for index, body in enumerate(bodies):
            connection.execute("INSERT INTO entry VALUES (?, ?, NULL)", (index, leaf_hash(body)))
            connection.execute("INSERT INTO body VALUES (?, ?)", (index, body))
            for node in tree.append(leaf_hash(body)):
                connection.execute("INSERT INTO node VALUES (?, ?, ?)", (node.level, node.index, node.hash))
        connection.execute("UPDATE head SET size = ?, peaks = ?", (tree.size, tree.encode()))


@pytest.fixture
def signed(tmp_path):
    """A ledger without idempotency keys, with checkpoints at 250, 500 and 520; and its bodies."""
    url = tmp_path / "l.db"
    with open_ledger(str(url)) as ledger:
        for start, stop in ((0, 250), (250, 500), (500, 520)):
            ledger.append_all(
                [events.api_activity(time=n, operation=f"{n}", actor="a") for n in range(start, stop)]
            )
            ledger.checkpoint()
        return url, [leaf.body for leaf in ledger.entries()]


@pytest.mark.parametrize("kept", [519, 500, 256, 1, 0])
@pytest.mark.parametrize("read_only", [True, False])
def test_opening_refuses_a_shrunk_log_and_says_what_is_missing(signed, kept, read_only):
    url, bodies = signed
    rewrite(url, bodies[:kept])
    with pytest.raises(LedgerCorruptError) as caught:
        open_ledger(str(url), read_only=read_only)
    assert (caught.value.code, caught.value.index) == ("audit.shrunk", kept)


@pytest.mark.parametrize(("at", "index"), [(0, 0), (249, 0), (250, 250), (499, 250), (500, 500), (519, 500)])
def test_opening_refuses_a_forked_log_and_says_from_where_on(signed, at, index):
    url, bodies = signed
    rewrite(url, [*bodies[:at], bodies[at].replace(b'"a"', b'"b"'), *bodies[at + 1 :]])
    with pytest.raises(LedgerCorruptError) as caught:
        open_ledger(str(url))
    assert (caught.value.code, caught.value.index) == ("audit.forked", index)


@pytest.mark.parametrize("at", [0, 255, 256, 519])
@pytest.mark.parametrize("table", ["entry", "body"])
def test_opening_refuses_an_edited_log_and_says_where(signed, at, table):
    url, _ = signed
    column = "hash" if table == "entry" else "bytes"
    with editing(url) as connection:
        connection.execute(
            f"UPDATE {table} SET {column} = substr({column}, 1, 7) || x'00' || substr({column}, 9) WHERE idx = ?",
            (at,),
        )
    with pytest.raises(LedgerCorruptError) as caught:
        open_ledger(str(url))
    assert (caught.value.code, caught.value.index) == ("audit.edited", at)


def test_a_log_may_grow_past_its_checkpoint_and_nothing_may_stand_after_its_end(signed):
    url, bodies = signed
    rewrite(url, [*bodies, b"{}"])
    open_ledger(str(url)).close()
    with editing(url) as connection:
        connection.execute("INSERT INTO entry VALUES (521, zeroblob(32), NULL)")
        connection.execute("INSERT INTO body VALUES (521, x'')")
    with pytest.raises(LedgerCorruptError) as caught:
        open_ledger(str(url))
    assert (caught.value.code, caught.value.index) == ("audit.sequence", 521)


def test_verifying_while_others_append_finds_nothing(tmp_path):
    import threading

    url = str(tmp_path / "l.db")
    with open_ledger(url, checkpoint_every=5) as ledger:
        ledger.append(event(0))
        stop = threading.Event()

        def append():
            while not stop.is_set():
                ledger.append(event(1))

        writers = [threading.Thread(target=append) for _ in range(4)]
        for writer in writers:
            writer.start()
        try:
            for _ in range(30):
                with open_ledger(url, read_only=True) as reader:
                    reader.verify()
        finally:
            stop.set()
            for writer in writers:
                writer.join()
