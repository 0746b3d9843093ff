"""When the ledger cannot be written: real disks that fill up, files that vanish, servers that stop; nothing
acknowledged is lost, nothing is acknowledged that is not there, and the gap is on record."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import lossy
import pytest
import servers

from guarita.audit import Buffer, LedgerUnavailableError, Query, events, open_ledger
from guarita.audit.stores import sqlite


def event(number, **more):
    return events.api_activity(time=number, operation=f"call {number}", actor="a", **more)


def calls(ledger):
    return [found.event["api"]["operation"] for found in ledger.query(Query(class_uid=6003))]


def gaps(ledger):
    found = [one.event["unmapped"]["guarita"].get("gap") for one in ledger.query(Query(class_uid=6002))]
    return [(one["count"], one["held"], one["refused"], one["reason"]) for one in found]


@contextlib.contextmanager
def mounted(folder, *options):
    folder.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", ",".join(("size=1m", *options)), "none", folder], check=True
    )
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def until_full(ledger):
    """Append until the disk is full; gives what was acknowledged."""
    done = []
    try:
        while True:
            ledger.append(event(len(done), details={"filling": "x" * 3000}))
            done.append(f"call {len(done)}")
    except LedgerUnavailableError as error:
        assert error.code == "audit.unavailable"  # noqa: PT017  # raised by one of many
    return done


def test_a_full_disk_is_refused_and_recovers_with_the_gap_on_record(tmp_path):
    with mounted(tmp_path / "disk") as disk:
        ballast = disk / "ballast"
        ballast.write_bytes(b"x" * 300_000)
        with open_ledger(str(disk / "l.db")) as ledger:
            done = until_full(ledger)
            with pytest.raises(LedgerUnavailableError):
                ledger.append(event(1, details={"filling": "x" * 3000}))
            assert calls(ledger) == done
            ballast.unlink()
            ledger.append(event(-1))
            assert calls(ledger) == [*done, "call -1"]
            assert gaps(ledger) == [(2, 0, 2, "audit.unavailable")]
            assert ledger.verify().size == len(done) + 2
        with open_ledger(str(disk / "l.db")) as ledger:
            assert calls(ledger) == [*done, "call -1"]


def test_a_full_disk_with_a_buffer_holds_and_writes_later_in_order(tmp_path):
    with mounted(tmp_path / "disk") as disk:
        ballast = disk / "ballast"
        ballast.write_bytes(b"x" * 300_000)
        with open_ledger(str(disk / "l.db"), when_unwritable=Buffer(50)) as ledger:
            number = 0
            while not ledger.append(event(number, details={"filling": "x" * 3000})).buffered:
                number += 1
            for _ in range(9):
                number += 1
                assert ledger.append(event(number)).buffered
            ballast.unlink()
            wait_for(lambda: len(calls(ledger)) == number + 1)  # without a further append
            assert calls(ledger) == [f"call {n}" for n in range(number + 1)]
            assert gaps(ledger) == [(10, 10, 0, "audit.unavailable")]
            assert ledger.append(event(0)).buffered is False
            assert ledger.verify().size == number + 3


def wait_for(condition):
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_buffer_is_bounded_and_what_it_lost_is_told_at_the_close(tmp_path):
    url = tmp_path / "l.db"
    ledger = open_ledger(str(url), when_unwritable=Buffer(5))
    ledger.append(event(0))
    url.rename(tmp_path / "away")
    for number in range(5):
        assert ledger.append(event(number)).buffered
    for _ in range(3):
        with pytest.raises(LedgerUnavailableError) as caught:
            ledger.append(event(9))
        assert caught.value.code == "audit.buffer-full"
    with pytest.raises(LedgerUnavailableError) as caught:
        ledger.close()
    assert caught.value.code == "audit.lost"
    assert "5 held events" in str(caught.value)
    (tmp_path / "away").rename(url)
    with open_ledger(str(url)) as ledger:
        assert calls(ledger) == ["call 0"]


def test_what_a_full_buffer_refused_is_in_the_gap_too(tmp_path):
    url = tmp_path / "l.db"
    with open_ledger(str(url), when_unwritable=Buffer(5)) as ledger:
        ledger.append(event(0))
        url.rename(tmp_path / "away")
        for number in range(1, 9):
            with contextlib.suppress(LedgerUnavailableError):
                ledger.append(event(number))
        (tmp_path / "away").rename(url)
    with open_ledger(str(url)) as ledger:
        assert calls(ledger) == [f"call {n}" for n in range(6)]
        assert gaps(ledger) == [(8, 5, 3, "audit.unlinked")]


def test_a_file_that_was_unlinked_or_replaced_is_noticed(tmp_path):
    for replaced in (False, True):
        url = tmp_path / f"{replaced}.db"
        ledger = open_ledger(str(url))
        ledger.append(event(1))
        url.unlink()
        if replaced:
            open_ledger(str(url), key="none").close()
        with pytest.raises(LedgerUnavailableError) as caught:
            ledger.append(event(2))
        assert caught.value.code == "audit.unlinked"
        with pytest.raises(LedgerUnavailableError):
            ledger.close()


def test_a_volume_that_turns_read_only_is_refused_and_can_be_read(tmp_path):
    with mounted(tmp_path / "disk") as disk:
        url = str(disk / "l.db")
        with open_ledger(url) as ledger:
            ledger.append(event(1))
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        with pytest.raises(LedgerUnavailableError):
            open_ledger(url)
        with open_ledger(url, read_only=True) as ledger:
            assert ledger.verify().size == 1
            with pytest.raises(LedgerUnavailableError):
                ledger.append(event(2))
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        with open_ledger(url) as ledger:
            assert ledger.append(event(2)).index == 1


def test_a_limit_on_the_size_of_files_is_an_error_and_no_death(tmp_path):
    program = (
        "import resource, signal, sys\n"
        "from guarita.audit import LedgerUnavailableError, events, open_ledger\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "with open_ledger(sys.argv[1]) as ledger:\n"
        "    ledger.append(events.api_activity(time=1, operation='first', actor='a'))\n"
        "    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))\n"
        "    done = 1\n"
        "    try:\n"
        "        while True:\n"
        "            ledger.append(events.api_activity(time=1, operation='x' * 3000, actor='a'))\n"
        "            done += 1\n"
        "    except LedgerUnavailableError as error:\n"
        "        print(done, error.code)\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))\n"
        "    print(ledger.append(events.api_activity(time=1, operation='last', actor='a')).index)\n"
    )
    url = tmp_path / "l.db"
    done = subprocess.run(
        [sys.executable, "-c", program, url], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    count, code, last = done.stdout.split()
    assert code == "audit.unavailable"
    with open_ledger(str(url)) as ledger:
        assert ledger.verify().size == int(count) + 2 == int(last) + 1
        assert gaps(ledger) == [(1, 0, 1, "audit.unavailable")]


def test_permission_that_was_lost_is_named():
    with tempfile.TemporaryDirectory() as kept:
        url = Path(kept) / "l.db"
        with open_ledger(str(url)) as ledger:
            ledger.append(event(1))
        for path in (Path(kept), *Path(kept).iterdir()):
            os.chown(path, 65534, 65534)
        url.chmod(0o400)
        Path(kept).chmod(0o500)
        os.seteuid(65534)
        try:
            with pytest.raises(LedgerUnavailableError) as caught:
                open_ledger(str(url))
            assert caught.value.code == "audit.unavailable"
            with open_ledger(str(url), read_only=True) as ledger:
                assert ledger.verify().size == 1
        finally:
            os.seteuid(0)


def test_another_process_that_holds_the_file_is_waited_for_and_named_in_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "LOCK_TIMEOUT", 0.2)
    url = str(tmp_path / "l.db")
    with open_ledger(url) as ledger:
        ledger.store._lock_timeout = 0.2
        ledger.append(event(1))
        with contextlib.closing(sqlite3.connect(url, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(LedgerUnavailableError) as caught:
                ledger.append(event(2))
            assert caught.value.code == "audit.busy"
            other.execute("ROLLBACK")
        assert ledger.append(event(3)).index == 2  # the gap stands before it


@pytest.fixture(scope="module")
def server():
    """A server of this module's own, to be stopped at will."""
    with servers.postgres() as running:
        yield running


def ledger_on(server, tmp_path, **options):
    place = server.url(schema=f"t{os.urandom(6).hex()}", timeout=options.pop("timeout", 5))
    return place, open_ledger(place, key=str(tmp_path / "k"), **options)


@pytest.mark.servers
def test_a_server_that_crashed_and_came_back_is_found_again(server, tmp_path):
    _, ledger = ledger_on(server, tmp_path)
    with ledger:
        ledger.append(event(0))
        server.stop()
        with pytest.raises(LedgerUnavailableError) as caught:
            ledger.append(event(1))
        assert caught.value.code == "audit.unavailable"
        server.start()
        ledger.append(event(2))
        assert calls(ledger) == ["call 0", "call 2"]
        assert gaps(ledger) == [(1, 0, 1, "audit.unavailable")]
        # An idle connection that died is no reason to refuse anything.
        server.stop(signal.SIGINT)
        server.start()
        ledger.append(event(3))
        assert gaps(ledger) == [(1, 0, 1, "audit.unavailable")]
        assert ledger.verify().size == 4


@pytest.mark.servers
def test_a_server_that_is_gone_is_bridged_by_a_buffer(server, tmp_path):
    _, ledger = ledger_on(server, tmp_path, when_unwritable=Buffer(100))
    with ledger:
        ledger.append(event(0))
        server.stop()
        assert all(ledger.append(event(number)).buffered for number in range(1, 20))
        server.start()
        wait_for(lambda: len(calls(ledger)) == 20)
        assert calls(ledger) == [f"call {n}" for n in range(20)]
        assert gaps(ledger) == [(19, 19, 0, "audit.unavailable")]
        assert ledger.verify().size == 21


@pytest.mark.servers
def test_a_server_that_stopped_answering_is_given_up_in_time_and_loses_nothing(server, tmp_path):
    _, ledger = ledger_on(server, tmp_path, timeout=1)
    with ledger:
        ledger.append(event(0), idempotency_key="k0")
        stopped = server.processes()
        for process in stopped:
            os.kill(process, signal.SIGSTOP)
        try:
            with pytest.raises(LedgerUnavailableError):
                ledger.append(event(1), idempotency_key="k1")
        finally:
            for process in stopped:
                os.kill(process, signal.SIGCONT)
        again = ledger.append(event(1), idempotency_key="k1")
        assert [leaf.uid for leaf in ledger.entries()].count("k1") == 1
        assert next(ledger.entries(again.index)).uid == "k1"
        ledger.verify()


@pytest.mark.servers
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_commit_whose_answer_is_lost_is_looked_up(server, tmp_path, when):
    place, ledger = ledger_on(server, tmp_path)
    relay = lossy.Lossy(server.port)
    through = place.replace(f":{server.port}/", f":{relay.port}/")
    with ledger, open_ledger(through, key=str(tmp_path / "k")) as lost:
        ledger.append(event(0))
        relay.cut(b"COMMIT\0", when)
        if when == "after":
            # It was written: no error, no second entry, though the event has no key.
            assert lost.append(event(1)).index == 1
        else:
            with pytest.raises(LedgerUnavailableError) as caught:
                lost.append(event(1))
            assert "nothing was written" in str(caught.value)
        assert relay.armed is None
        assert calls(ledger) == (["call 0", "call 1"] if when == "after" else ["call 0"])
        lost.append(event(2))
        assert calls(ledger)[-1] == "call 2"
        ledger.verify()
    relay.close()


@pytest.mark.servers
def test_a_commit_that_cannot_be_looked_up_is_called_ambiguous_and_repeated_harmlessly(server, tmp_path):
    place, ledger = ledger_on(server, tmp_path, timeout=1)
    relay = lossy.Lossy(server.port)
    through = place.replace(f":{server.port}/", f":{relay.port}/")
    with ledger, open_ledger(through, key="none") as lost:
        lost.append(event(0))
        relay.cut(b"COMMIT\0", "after")
        relay.refusing = True
        with pytest.raises(LedgerUnavailableError) as caught:
            lost.append(event(1), idempotency_key="k1")
        assert caught.value.code == "audit.ambiguous"
        relay.refusing = False
        assert lost.append(event(1), idempotency_key="k1").duplicate is True
        assert calls(ledger) == ["call 0", "call 1"]
    relay.close()


@pytest.mark.servers
def test_a_node_that_stops_in_the_middle_of_an_append_holds_up_the_others_for_a_bounded_time(
    server, tmp_path
):
    import psycopg

    from guarita.audit.stores.postgres_session import Place, Session

    place, ledger = ledger_on(server, tmp_path, timeout=1)
    with ledger:
        ledger.append(event(0))
        stopped = Session(Place.parse(place), read_only=False)
        with stopped:
            stopped.connection().execute("BEGIN")
            stopped.connection().execute("SELECT size FROM head FOR UPDATE")
            wait_for(lambda: attempt(ledger))
            with pytest.raises(psycopg.Error):
                stopped.connection().execute("UPDATE head SET size = 99")
        ledger.verify()


def attempt(ledger):
    try:
        ledger.append(event(1))
    except LedgerUnavailableError:
        return False
    return True


@pytest.mark.servers
def test_permission_that_the_server_took_back_is_named(server, tmp_path):
    import psycopg

    from guarita.audit.stores.postgres_session import Place

    place, ledger = ledger_on(server, tmp_path)
    schema = Place.parse(place).schema
    role = f"r{os.urandom(4).hex()}"
    with ledger:
        ledger.append(event(0))
        with psycopg.connect(Place.parse(place).conninfo, autocommit=True) as admin:
            admin.execute(f"CREATE ROLE {role} LOGIN")
            admin.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
            admin.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}")
        lesser = place.replace("guarita@", f"{role}@")
        with open_ledger(lesser, key="none") as reader:
            with pytest.raises(LedgerUnavailableError) as caught:
                reader.append(event(1))
            assert "permission denied" in str(caught.value)
            assert reader.verify().size == 1
