"""Retention by the real command: what is old goes to the archive, and every proof and verification goes on."""

import json
import random
import signal
import sqlite3
import subprocess
import sysconfig
import time
from pathlib import Path

import pytest
import tlogtiles

from guarita.audit import LedgerCorruptError, ProofError, events, open_ledger
from guarita.audit.merkle.tree import leaf_hash
from guarita.audit.tiles.directory import TileDirectory

GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"
DAY = 86_400_000
START = 1_764_000_000_000  # 2025-11-24T16:00:00Z; a hundred events a day
COUNT = 2000


def grown(project, count=COUNT):
    with open_ledger(str(project / ".guarita" / "ledger.db"), origin="example.com/log") as ledger:
        ledger.append_all(
            events.api_activity(time=START + n * DAY // 100, operation=f"o{n}", actor="a", uid=f"u{n}")
            for n in range(ledger.size, count)
        )
        return [leaf.body for leaf in ledger.entries(ledger.archived)]


def guarita(project, *arguments):
    return subprocess.run(
        [GUARITA, "audit", *arguments], cwd=project, env={"PATH": "/usr/bin:/bin", "COLUMNS": "150"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def good(project, *arguments):
    done = guarita(project, *arguments)
    assert done.returncode == 0, done.stderr
    return done


def bodies_left(project):
    with sqlite3.connect(project / ".guarita" / "ledger.db") as connection:
        return [row[0] for row in connection.execute("SELECT idx FROM body ORDER BY idx")]


@pytest.fixture
def project(tmp_path):
    (tmp_path / "guarita.yaml").write_text("ledger: {}\n")
    grown(tmp_path)
    return tmp_path


def test_old_entries_leave_and_everything_goes_on(project):
    bodies = grown(project)
    good(project, "prove", "5", "-o", "before.tlog-proof")
    vkey = json.loads(good(project, "key", "show", "--json").stdout)["keys"][0]["vkey"]
    done = good(project, "archive", "--before", "2025-12-04T16:00:00Z", "--to", "old", "--json")
    # A thousand are older; three whole bundles of 256 go.
    assert json.loads(done.stdout)["archived"] == {"start": 0, "stop": 768, "size": COUNT, "entry": COUNT}
    assert bodies_left(project)[0] == 768

    shown = good(project, "verify").stdout
    assert "2001 entries hold" in shown
    assert "entries 0 to 767, by their hashes alone" in shown
    assert "by their hashes alone" not in good(project, "verify", "--archive", "old").stdout
    assert good(project, "verify", "--proof", "before.tlog-proof", "--vkey", vkey)

    found = good(project, "query", "--text", "o5", "--json")
    assert "entries 0 to 767 are archived and not searched" in found.stderr
    assert all(json.loads(line)["index"] > 767 for line in found.stdout.splitlines())
    everywhere = good(project, "query", "--text", '"o5"', "--json", "--archive", "old")
    assert [json.loads(line)["index"] for line in everywhere.stdout.splitlines()] == [5]
    said = json.loads(good(project, "query", "--class", "entity", "--json").stdout)
    assert said["event"]["unmapped"]["guarita"]["archived_below"] == 768

    assert "is archived" in guarita(project, "prove", "5").stderr
    good(project, "prove", "5", "--archive", "old", "-o", "after.tlog-proof")
    assert good(project, "verify", "--proof", "after.tlog-proof", "--vkey", vkey)

    assert "are archived" in guarita(project, "export", "-o", "tiles=new").stderr
    good(project, "checkpoint", "--quiet")
    good(project, "export", "-o", "tiles=new", "--archive", "old")
    entries, _ = tlogtiles.read(project / "new", COUNT + 1)
    assert entries[:COUNT] == bodies
    tlogtiles.signed_by(project / "old", vkey)
    assert tlogtiles.read(project / "old", COUNT)[0] == bodies


def test_retention_again_and_again_keeps_keys_and_idempotency(project):
    with open_ledger(str(project / ".guarita" / "ledger.db")) as ledger:
        ledger.rotate_key()
        ledger.retire_keys()
    for day in ("2025-11-30", "2025-12-05", "2025-12-10", "2025-12-10", "2025-11-30"):
        good(project, "archive", "--before", day, "--to", "old")
        grown(project, COUNT + 500)
        good(project, "verify")
    good(project, "verify", "--archive", "old")
    with open_ledger(str(project / ".guarita" / "ledger.db")) as ledger:
        assert ledger.archived == 1280
        again = ledger.append(events.api_activity(time=1, operation="other", actor="a", uid="u7"))
        assert (again.index, again.duplicate) == (7, True)
    everything = good(project, "query", "--json", "--archive", "old").stdout.splitlines()
    assert [json.loads(line)["index"] for line in everything] == list(range(len(everything)))


def test_nothing_goes_that_a_sink_does_not_have(project):
    (project / "guarita.yaml").write_text("ledger:\n  sinks:\n  - {name: files, type: file, path: a.jsonl}\n")
    done = guarita(project, "archive", "--before", "2025-12-04", "--to", "old")
    assert done.returncode == 1
    assert "the sink files has entries up to 0 only" in done.stderr
    good(project, "ship")
    with sqlite3.connect(project / ".guarita" / "ledger.db") as connection:
        connection.execute("""UPDATE state SET value = replace(value, '"next"', '"refused":3,"next"')""")
    done = guarita(project, "archive", "--before", "2025-12-04", "--to", "old")
    assert done.returncode == 1
    assert "has dropped 3 entries" in done.stderr
    assert len(bodies_left(project)) == COUNT
    good(project, "ship", "--sink", "files", "--from", "0")
    good(project, "archive", "--before", "2025-12-04", "--to", "old")
    # A sink that is added later gets what is archived from the archive.
    (project / "guarita.yaml").write_text("ledger:\n  sinks:\n  - {name: late, type: file, path: b.jsonl}\n")
    assert "are archived" in guarita(project, "ship").stderr
    good(project, "ship", "--archive", "old")
    lines = (project / "b.jsonl").read_bytes().splitlines()
    assert [json.loads(line)["index"] for line in lines] == list(range(COUNT + 1))


def test_an_archive_that_does_not_verify_or_is_another_is_refused_and_nothing_goes(project, tmp_path_factory):
    good(project, "archive", "--before", "2025-11-30", "--to", "old")
    left = bodies_left(project)
    tile = project / "old" / "tile" / "entries" / "001"
    kept = tile.read_bytes()
    for damaged in (kept[:-1] + bytes([kept[-1] ^ 1]), kept[:-1], None):
        tile.unlink() if damaged is None else tile.write_bytes(damaged)
        done = guarita(project, "archive", "--before", "2025-12-10", "--to", "old")
        assert done.returncode == 1, done.stderr
        assert guarita(project, "verify", "--archive", "old").returncode == 1
        assert set(left) <= set(bodies_left(project))
    tile.write_bytes(kept)
    checkpoint = project / "old" / "checkpoint"
    note = checkpoint.read_text()
    for wrong in (
        note.replace("— example.com/log ", "— example.com/log A"),
        note.partition("\n\n")[0] + "\n",
        "",
        "x",
    ):
        checkpoint.write_text(wrong)
        assert guarita(project, "verify", "--archive", "old").returncode == 1
    checkpoint.write_text(note)
    done = guarita(project, "archive", "--before", "2025-12-10", "--to", "elsewhere")
    assert done.returncode == 1
    assert "does not hold the 512 entries" in done.stderr
    other = tmp_path_factory.mktemp("other")
    grown(other, 600)
    good(other, "archive", "--before", "2030-01-01", "--to", str(project / "foreign"))
    assert guarita(project, "verify", "--archive", "foreign").returncode == 1
    assert set(left) <= set(bodies_left(project))
    good(project, "archive", "--before", "2025-12-10", "--to", "old")


def test_an_entry_that_was_changed_in_the_archive_and_in_its_tiles_is_found(project):
    good(project, "archive", "--before", "2025-12-10", "--to", "old")
    directory = TileDirectory(project / "old")
    path = project / "old" / "tile" / "entries" / "000"
    body = dict(directory.entries(0, 256))[7]
    forged = body.replace(b'"o7"', b'"x7"')
    assert forged != body
    path.write_bytes(path.read_bytes().replace(body, forged))
    level0 = project / "old" / "tile" / "0" / "000"
    level0.write_bytes(level0.read_bytes().replace(leaf_hash(body), leaf_hash(forged)))
    with open_ledger(str(project / ".guarita" / "ledger.db"), archive=project / "old") as ledger:
        with pytest.raises(LedgerCorruptError) as caught:
            list(ledger.entries(0, 20))
        assert caught.value.index == 7
    assert guarita(project, "verify", "--archive", "old").returncode == 1


def test_an_application_cannot_declare_bodies_archived(project):
    with open_ledger(str(project / ".guarita" / "ledger.db")) as ledger:
        ledger.append(
            events.entity_management(
                time=1, entity="x", kind="audit-log", activity="delete", success=True,
                details={"archived_below": 512}, uid="guarita:archived:512",
            )
        )  # fmt: skip
        ledger.store.prune(512)
        with pytest.raises(LedgerCorruptError, match="no entry says that they were archived"):
            ledger.verify()
        with pytest.raises(ProofError):
            open_ledger(str(project / ".guarita" / "ledger.db"), archive=project)


def test_when_the_log_cannot_say_it_nothing_is_deleted(project):
    with sqlite3.connect(project / ".guarita" / "ledger.db") as connection:
        connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON entry BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
    done = guarita(project, "archive", "--before", "2025-12-10", "--to", "old")
    assert done.returncode in {1, 3}
    assert len(bodies_left(project)) == COUNT
    with sqlite3.connect(project / ".guarita" / "ledger.db") as connection:
        connection.execute("DROP TRIGGER full")
    good(project, "archive", "--before", "2025-12-10", "--to", "old")
    assert bodies_left(project)[0] == 1280


def test_killed_at_any_moment_nothing_is_lost_and_it_goes_on(project):
    bodies, rng, killed = grown(project), random.Random(4), 0
    call = [GUARITA, "audit", "archive", "--before", "2025-12-13", "--to", "old", "--quiet"]
    for _ in range(7):
        process = subprocess.Popen(call, cwd=project)
        # From the first files of the archive to the last pruned body.
        while process.poll() is None and not (project / "old").exists():
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.12))
        killed += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        left = set(bodies_left(project))
        if not set(range(COUNT)) <= left:
            archived = dict(TileDirectory(project / "old").entries(0, COUNT))
            assert [archived[n] for n in range(COUNT)] == bodies
        assert guarita(project, "verify").returncode == 0
    assert killed
    subprocess.run(call, cwd=project, check=True)
    good(project, "verify", "--archive", "old")
    assert bodies_left(project)[0] >= 1792
