"""Our tiles are read by golang.org/x/mod/sumdb, the implementation that tlog-tiles goes back to."""

import os
import random
import subprocess
from pathlib import Path

import pytest

from guarita.audit import open_ledger
from guarita.audit.stores.interface import Draft
from guarita.audit.tiles.export import export_tiles

SOURCE = Path(__file__).parent.parent / "support" / "tlogreader"


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    built = tmp_path_factory.mktemp("go") / "tlogreader"
    # Debian keeps Go's libraries as sources in this place; nothing is fetched.
    env = {
        **os.environ,
        "GO111MODULE": "off",
        "GOPATH": "/usr/share/gocode",
        "GOCACHE": str(built.parent / "cache"),
        "GOFLAGS": "",
        "CGO_ENABLED": "0",
    }
    subprocess.run(["go", "build", "-o", built, "main.go"], cwd=SOURCE, env=env, check=True)
    return built


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Folders by size, exported one after another from a growing log, and its key."""
    base, folders = tmp_path_factory.mktemp("log"), {}
    with open_ledger(str(base / "l.db"), origin="example.com/log") as ledger:
        for size in (1, 255, 256, 257, 1000, 66_000):
            ledger.store.append(
                [Draft(b'{"n":%d,"pad":"%s"}' % (n, b"x" * (n % 60))) for n in range(ledger.size, size)]
            )
            signed = ledger.checkpoint()
            for name in ("grown", f"only-{size}"):
                export_tiles(ledger, base / name, size=size, note=signed.note)
            folders[size] = base / f"only-{size}"
        folders["grown"] = base / "grown"
        return folders, signed.signed_by[0]


@pytest.mark.parametrize("size", [1, 255, 256, 257, 1000, 66_000, "grown"])
def test_go_reads_the_tiles_and_checks_every_entry(reader, exported, size):
    folders, vkey = exported
    done = subprocess.run([reader, folders[size], vkey], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.split() == ["example.com/log", str(66_000 if size == "grown" else size)]


def test_go_refuses_what_was_changed(reader, exported):
    folders, vkey = exported
    rng = random.Random(9)
    for path in sorted(path for path in folders[1000].rglob("*") if path.is_file()):
        kept = path.read_bytes()
        at = rng.randrange(len(kept))
        path.write_bytes(kept[:at] + bytes([kept[at] ^ 1 << rng.randrange(8)]) + kept[at + 1 :])
        done = subprocess.run([reader, folders[1000], vkey], capture_output=True, check=False)
        assert done.returncode != 0, f"a changed {path.name} was not noticed"
        path.write_bytes(kept)
