"""Export as C2SP tlog-tiles, read back by a reader that was written from the specification alone."""

import hashlib
import random
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest
import tlogtiles
from hypothesis import given, settings
from hypothesis import strategies as st

from guarita.audit import LedgerCorruptError, ProofError, events, open_ledger
from guarita.audit.notes.checkpoint import TreeHead, sign_checkpoint
from guarita.audit.notes.ed25519 import SigningKey
from guarita.audit.stores.interface import Draft
from guarita.audit.tiles.directory import TileDirectory
from guarita.audit.tiles.export import export_tiles
from guarita.errors import UsageError

GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"
KEY = SigningKey.generate("example.com/log")


def grown(ledger, count):
    ledger.store.append(
        [Draft(b'{"n":%d,"pad":"%s"}' % (n, b"x" * (n % 40))) for n in range(ledger.size, count)]
    )
    return ledger


def exported(ledger, folder, size=None):
    size = ledger.size if size is None else size
    from guarita.audit.merkle.nodes import Nodes

    root = Nodes(ledger.store.hashes).range(0, size)
    note = sign_checkpoint(TreeHead(ledger.origin, size, root), [KEY])
    return export_tiles(ledger, folder, size=size, note=note)


def bodies(ledger, size):
    return [leaf.body for leaf in ledger.store.leaves(0, size)]


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    with open_ledger(str(tmp_path_factory.mktemp("large") / "l.db"), origin="example.com/log") as ledger:
        yield grown(ledger, 70_000)


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 511, 512, 1000, 65_535, 65_536, 65_537, 70_000])
def test_tiles_recompute_to_the_root_and_give_the_entries_back(large, tmp_path, size):
    done = exported(large, tmp_path / "t", size)
    entries, root = tlogtiles.read(tmp_path / "t", size)
    assert entries == bodies(large, size)
    assert tlogtiles.checkpoint(tmp_path / "t") == ("example.com/log", size, root)
    assert done.root == root.hex()
    assert (tmp_path / "t").stat().st_mode & 0o777 == 0o700
    there = {str(p.relative_to(tmp_path / "t")) for p in (tmp_path / "t").rglob("*") if p.is_file()}
    assert there == {"checkpoint", *(path for path, *_ in tlogtiles.resources(size))}
    TileDirectory(tmp_path / "t").verify(size, root)


def test_the_example_of_the_specification_holds():
    # "A tree of size 70,000 will be represented by 273 full level 0 tiles, one partial of width 112, one full
    # level 1 tile, one partial of width 17, and one partial level 2 tile of width 1."
    from guarita.audit.tiles.layout import Tile, levels, tiles

    widths = {level: [tile.width for tile in tiles(level, 70_000)] for level in levels(70_000)}
    assert widths == {0: [256] * 273 + [112], 1: [256, 17], 2: [1]}
    assert Tile(0, 1_234_067, 256).path == "tile/0/x001/x234/067"
    assert Tile(None, 1_234_067, 5).path == "tile/entries/x001/x234/067.p/5"


@settings(max_examples=15, deadline=None)
@given(sizes=st.lists(st.integers(0, 1400), min_size=1, max_size=5).map(sorted))
def test_each_export_adds_and_older_checkpoints_keep_their_tiles(large, tmp_path_factory, sizes):
    folder = tmp_path_factory.mktemp("grown") / "t"
    for size in sizes:
        exported(large, folder, size)
    tlogtiles.read(folder, sizes[-1])
    # What an older checkpoint needs is there: as it was, or as the full tile that took its place.
    for size in sizes:
        for path, *_ in tlogtiles.resources(size):
            partial, full = folder / path, folder / path.partition(".p/")[0]
            assert partial.exists() or full.exists()
    hidden = list(folder.rglob(".*"))
    assert hidden == []


def test_a_second_export_writes_only_what_is_new(large, tmp_path):
    exported(large, tmp_path, 1000)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert exported(large, tmp_path, 1000).added == 0
    assert exported(large, tmp_path, 1100).added == 100
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    changed = {str(path.relative_to(tmp_path)) for path in after if after[path] != before.get(path)}
    assert changed == {
        "checkpoint", "tile/entries/003", "tile/entries/004.p/76", "tile/0/003", "tile/0/004.p/76", "tile/1/000.p/4",
    }  # fmt: skip


def test_a_folder_of_another_log_or_of_another_history_is_left_alone(large, tmp_path):
    exported(large, tmp_path / "t", 1000)
    kept = {path: path.read_bytes() for path in (tmp_path / "t").rglob("*") if path.is_file()}
    with open_ledger(str(tmp_path / "o.db"), origin="example.com/other") as other:
        grown(other, 1200)
        with pytest.raises(ProofError, match=r"holds the log example\.com/log"):
            export_tiles(other, tmp_path / "t", size=1200)
    with open_ledger(str(tmp_path / "f.db"), origin="example.com/log") as forked:
        forked.append(events.api_activity(time=1, operation="x", actor="a"))
        grown(forked, 1200)
        with pytest.raises(ProofError, match="are not the first 1000"):
            exported(forked, tmp_path / "t")
    with pytest.raises(ProofError, match="holds 1000 entries already"):
        exported(large, tmp_path / "t", 900)
    assert kept == {path: path.read_bytes() for path in (tmp_path / "t").rglob("*") if path.is_file()}


def test_a_damaged_tile_is_written_again_by_no_one_and_found_by_verify(large, tmp_path):
    done = exported(large, tmp_path, 70_000)
    chosen = random.Random(7)
    paths = [path for path, *_ in tlogtiles.resources(70_000)]
    directory = TileDirectory(tmp_path)
    for name in [*chosen.sample(paths, 6), "tile/2/000.p/1", "tile/1/001.p/17"]:
        path = tmp_path / name
        kept = path.read_bytes()
        at = chosen.randrange(len(kept))
        path.write_bytes(kept[:at] + bytes([kept[at] ^ 1 << chosen.randrange(8)]) + kept[at + 1 :])
        with pytest.raises(LedgerCorruptError):
            directory.verify(70_000, bytes.fromhex(done.root))
        path.unlink()
        with pytest.raises(LedgerCorruptError, match="is missing"):
            directory.verify(70_000, bytes.fromhex(done.root))
        path.write_bytes(kept)


def test_an_entry_that_no_bundle_can_hold_is_named_and_nothing_is_signed(tmp_path):
    with open_ledger(str(tmp_path / "l.db"), origin="example.com/log") as ledger:
        ledger.store.append([Draft(b"x" * 65_535), Draft(b"y" * 65_536)])
        assert exported(ledger, tmp_path / "fits", 1).size == 1
        assert tlogtiles.read(tmp_path / "fits", 1)[0] == [b"x" * 65_535]
        with pytest.raises(LedgerCorruptError) as caught:
            exported(ledger, tmp_path / "t", 2)
        assert (caught.value.code, caught.value.index) == ("audit.entry-too-large", 1)
        assert not (tmp_path / "t" / "checkpoint").exists()


def test_one_writer_at_a_time_and_a_place_that_cannot_be_written_is_said(large, tmp_path):
    from guarita.audit import LedgerUnavailableError
    from guarita.audit.tiles.files import writing

    with writing(tmp_path / "t"), pytest.raises(UsageError, match="another process is writing"):
        exported(large, tmp_path / "t", 10)
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerUnavailableError, match="file"):
        exported(large, tmp_path / "file" / "t", 10)


KILLED = """
import sys
from pathlib import Path
from guarita.audit import open_ledger
from guarita.audit.tiles.export import export_tiles
with open_ledger(sys.argv[1]) as ledger:
    print("ready", flush=True)
    export_tiles(ledger, Path(sys.argv[2]), size=70_000, note=Path(sys.argv[3]).read_text())
"""


def test_an_export_killed_at_any_moment_is_done_again_and_whole(large, tmp_path):
    finished = tmp_path / "finished"
    exported(large, finished, 70_000)
    rng = random.Random(3)
    interrupted = 0
    for round_ in range(6):
        folder = tmp_path / f"t{round_}"
        call = [sys.executable, "-c", KILLED, large.store.path, folder, finished / "checkpoint"]
        process = subprocess.Popen(call, stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"ready\n"
        time.sleep(rng.uniform(0.0, 0.4))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        if not (folder / "checkpoint").exists():
            interrupted += 1
        else:
            tlogtiles.read(folder, 70_000)  # where there is a checkpoint, all it needs is there
    assert interrupted
    subprocess.run(call, check=True, stdout=subprocess.DEVNULL)
    assert tlogtiles.checkpoint(folder)[2] == tlogtiles.read(folder, 70_000)[1]
    assert not list(folder.rglob(".*"))
    shutil.rmtree(tmp_path, ignore_errors=True)


def test_the_leaf_hash_of_a_bundles_entry_is_that_of_the_ledger(large, tmp_path):
    exported(large, tmp_path, 300)
    for at, entry in TileDirectory(tmp_path).entries(250, 300):
        assert hashlib.sha256(b"\0" + entry).digest() == large.store.hashes(0, at, at + 1)


def test_the_command_exports_what_is_signed_and_says_what_is_not_yet(tmp_path):
    with open_ledger(str(tmp_path / "l.db"), origin="example.com/log") as ledger:
        grown(ledger, 300)
        ledger.checkpoint()
        grown(ledger, 310)
        vkey = ledger.checkpoints()[0].signed_by[0]
        call = [GUARITA, "audit", "export", "--ledger", tmp_path / "l.db", "-o", f"tiles={tmp_path / 't'}"]
        first = subprocess.run(call, capture_output=True, text=True, check=True)
        assert "10 entries came after the checkpoint" in first.stderr
        tlogtiles.signed_by(tmp_path / "t", vkey)
        assert len(tlogtiles.read(tmp_path / "t", 300)[0]) == 300
        ledger.checkpoint()
    second = subprocess.run([*call, "--json"], capture_output=True, text=True, check=True)
    assert '"size":310,"added":10' in second.stdout
    tlogtiles.signed_by(tmp_path / "t", vkey)
    assert tlogtiles.checkpoint(tmp_path / "t")[1:] == (310, tlogtiles.read(tmp_path / "t", 310)[1])
