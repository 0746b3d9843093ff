"""A ledger file that another version made: said in one line with what to do, by each command, and left as it is."""

import sqlite3
import subprocess
import sysconfig
from contextlib import closing
from pathlib import Path

import pytest

from guarita.audit.stores.sqlite import SqliteStore

GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"


@pytest.mark.parametrize("command", [("audit", "verify"), ("audit", "query"), ("scan", ".")])
@pytest.mark.parametrize("number", [1, 1000])
def test_a_ledger_of_another_layout_is_named(tmp_path, command, number):
    path = tmp_path / "ledger.db"
    SqliteStore(path).close()
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("ALTER TABLE checkpoint DROP COLUMN digest")
        other.execute(f"PRAGMA user_version = {number}")
    before = path.read_bytes()
    done = subprocess.run(
        [GUARITA, *command, "--ledger", path], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 2
    assert f"made by another version of Guarita: ledger format {number}" in said
    assert "move it aside" in said
    assert "column" not in said
    assert path.read_bytes() == before
