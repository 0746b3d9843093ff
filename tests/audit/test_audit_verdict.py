"""`guarita audit verdict`: passed, failed, unknown, absent, unsigned and tampered, on each store by the real command."""

import hashlib
import json
import os
import sqlite3
import subprocess
import sysconfig
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from guarita.audit import Query, events, open_ledger

GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"
NOW = int(time.time() * 1000)
A, B, C, D = ("a" * 40, "b" * 40, "c" * 40, "d" * 40)
POLICY = "1" * 64


def verdict(revision, result, *, uid, at=NOW, policy=POLICY):
    return events.compliance_finding(
        time=at, scan_uid=uid, result=result, threshold="medium", policy_origin="file",
        digests={"tree": "2" * 64, "policy": policy}, by_severity={}, by_decision={}, coverage={}, revision=revision,
    )  # fmt: skip


def asked(place, *words):
    done = subprocess.run(
        [GUARITA, "audit", "verdict", *words, "--ledger", place.url, "--json"],
        capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    code = json.loads(done.stderr)["error"]["code"] if done.stderr.startswith("{") else ""
    return done.returncode, code, json.loads(done.stdout)["verdict"] if done.stdout else None


@pytest.fixture
def written(place):
    """A ledger with verdicts, signed."""
    with place.open(origin="test/log") as ledger:
        ledger.append(verdict(A, "failed", uid="1"))
        ledger.append(verdict(A, "passed", uid="2"))
        ledger.append(verdict(B, "passed", uid="3"))
        ledger.append(verdict(B, "failed", uid="4"))
        ledger.append(verdict(C, "unknown", uid="5"))
        ledger.append(verdict(f"{D}+dirty", "passed", uid="6"))
        ledger.append(events.api_activity(time=NOW, operation=f"GET /{D}", actor="u"))
        vkey = ledger.checkpoint().signed_by[0]
    return place, vkey


def test_the_newest_verdict_on_exactly_this_revision_counts(written):
    place, vkey = written
    status, _, found = asked(place, "--revision", A, "--vkey", vkey)
    assert (status, found["result"], found["index"]) == (0, "passed", found["index"])
    assert found["policy"] == POLICY
    assert found["signed"] > found["index"]
    assert asked(place, "--revision", B)[0] == 1
    assert asked(place, "--revision", C)[0] == 3
    assert asked(place, "--revision", D)[:2] == (3, "audit.no-verdict")
    assert asked(place, "--revision", A, "--policy", "9" * 64)[:2] == (3, "audit.no-verdict")
    assert asked(place, "--revision", A, "--policy", POLICY)[0] == 0


def test_an_old_verdict_is_none(place):
    with place.open(origin="test/log") as ledger:
        ledger.append(verdict(A, "passed", uid="1", at=NOW - 3 * 86_400_000))
    assert asked(place, "--revision", A, "--max-age", "4d")[0] == 0
    assert asked(place, "--revision", A, "--max-age", "48h")[:2] == (3, "audit.no-verdict")


def test_what_nobody_has_signed_for_is_unknown(written):
    place, _ = written
    with place.open(key="none") as ledger:
        ledger.append(verdict(D, "passed", uid="7"))
    assert asked(place, "--revision", D)[:2] == (3, "audit.not-signed")
    with place.open() as ledger:
        ledger.checkpoint()
    assert asked(place, "--revision", D)[0] == 0


def test_another_logs_key_and_a_log_that_is_not_there_do_not_pass(written, tmp_path):
    place, _ = written
    with type(place)(str(tmp_path / "other.db"), tmp_path / "x").open(key=None) as other:
        other.append(verdict(A, "passed", uid="1"))
        theirs = other.checkpoint().signed_by[0]
    assert asked(place, "--revision", A, "--vkey", theirs)[0] in {1, 2, 3}
    assert asked(type(place)(str(tmp_path / "none.db"), tmp_path), "--revision", A)[0] == 2


@pytest.mark.parametrize("word", ["main", "a" * 39, "A" * 40, f"{'a' * 40}\n"])
def test_a_revision_is_a_commit_in_full(word, tmp_path):
    done = subprocess.run(
        [GUARITA, "audit", "verdict", "--revision", word], capture_output=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 2


@pytest.mark.parametrize("with_hash", [False, True])
@pytest.mark.parametrize("later", [False, True], ids=["the only verdict", "one after a passed one"])
def test_a_failed_verdict_turned_into_something_else_is_noticed(tmp_path, with_hash, later):
    """By one who writes to the file: the body alone, and the body with its hash."""
    path = tmp_path / "l.db"
    with open_ledger(str(path), origin="test/log") as ledger:
        if later:
            ledger.append(verdict(A, "passed", uid="0"))
        ledger.append(verdict(A, "failed", uid="1"))
        *_, failed = ledger.query(Query(class_uid=2003))
    with sqlite3.connect(path) as database:
        (body,) = database.execute("SELECT bytes FROM body WHERE idx = ?", (failed.index,)).fetchone()
        forged = (
            bytes(body).replace(b'"status_id":3', b'"status_id":1')
            if not later
            else bytes(body).replace(b"a" * 40, b"b" * 40)
        )
        assert forged != body
        database.execute("UPDATE body SET bytes = ? WHERE idx = ?", (forged, failed.index))
        if with_hash:
            leaf = hashlib.sha256(b"\0" + forged).digest()
            database.execute("UPDATE entry SET hash = ? WHERE idx = ?", (leaf, failed.index))
    place = SimpleNamespace(url=str(path))
    status, code, found = asked(place, "--revision", A)
    assert (status, found) == (1, None), code
