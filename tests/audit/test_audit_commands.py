"""`guarita audit` by its real command: answers, exit statuses, JSON, errors in one line."""

import json
import subprocess
import sysconfig
from pathlib import Path

import pytest

from guarita.audit import events, ledger_url, open_ledger

GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"


def guarita(*arguments, cwd, env=None):
    return subprocess.run(
        [GUARITA, "audit", *arguments],
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "120", **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )


def lines(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def project(tmp_path):
    with open_ledger(str(tmp_path / ".guarita" / "ledger.db"), origin="example.com/log") as ledger:
        for minute in range(5):
            ledger.append(
                events.api_activity(
                    time=1_764_000_000_000 + minute * 60_000,
                    operation=f"GET /docs/{minute}",
                    actor="ana" if minute % 2 else "Bruno",
                    resource=f"doc-{minute}",
                    severity="high" if minute == 3 else "info",
                )
            )
        ledger.append(
            events.entity_management(
                time=1_764_000_600_000, entity="kv/db", kind="secret", activity="update", success=True
            )
        )
    return tmp_path


def test_verify_finds_the_projects_own_ledger(project):
    done = guarita("verify", cwd=project)
    assert done.returncode == 0, done.stderr
    assert "6 entries hold" in done.stdout
    assert "example.com/log" in done.stdout
    (answer,) = lines(guarita("verify", "--json", cwd=project))
    assert answer["verified"]["size"] == 6


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ((), [0, 1, 2, 3, 4, 5]),
        (("--class", "6003"), [0, 1, 2, 3, 4]),
        (("--class", "entity"), [5]),
        (("--actor", "ana"), [1, 3]),
        (("--resource", "doc-2"), [2]),
        (("--resource", "kv/db"), [5]),
        (("--severity", "medium"), [3]),
        (("--from", "2025-11-24T16:01:00", "--until", "2025-11-24T16:03:00Z"), [1, 2]),
        (("--text", "BRUNO"), [0, 2, 4]),
        (("--actor", "ana", "--severity", "high"), [3]),
        (("--limit", "2"), [4, 5]),
        (("--actor", "nobody"), []),
    ],
)
def test_query_gives_what_matches(project, options, wanted):
    done = guarita("query", "--json", *options, cwd=project)
    assert done.returncode == 0, done.stderr
    assert [one["index"] for one in lines(done)] == wanted


def test_query_table_and_tail(project):
    shown = guarita("query", "--class", "api", cwd=project)
    assert "GET /docs/3" in shown.stdout
    assert "5 events" in shown.stderr
    newest = guarita("tail", "-n", "2", "--json", cwd=project)
    assert [one["index"] for one in lines(newest)] == [4, 5]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("verify", "--ledger", "missing.db"), "no ledger here"),
        (("verify", "--ledger", "mysql://x/y"), "no ledger store for mysql://"),
        (("query", "--ledger", "sqlite://x.db"), "three slashes"),
        (("query", "--class", "nonsense"), "neither a class number"),
        (("query", "--from", "yesterday"), "ISO 8601"),
    ],
)
def test_wrong_calls_are_said_in_a_line(project, arguments, said):
    done = guarita(*arguments, cwd=project)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project / "missing.db").exists()


def test_a_database_of_somebody_else_is_left_alone(project):
    import sqlite3

    other = project / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE precious (x)")
    done = guarita("verify", "--ledger", "other.db", cwd=project)
    assert done.returncode == 2
    assert "not a ledger" in done.stderr


def test_the_ledger_of_the_configuration_is_used(project, monkeypatch):
    (project / "guarita.yaml").write_text("ledger:\n  url: sqlite:///kept/audit.db\n")
    monkeypatch.chdir(project)
    assert ledger_url() == "sqlite:///kept/audit.db"
    assert ledger_url("x.db") == "x.db"
    with open_ledger(ledger_url()) as ledger:
        ledger.append(events.api_activity(time=1, operation="only", actor="x"))
    done = guarita("query", "--json", cwd=project)
    assert [one["event"]["api"]["operation"] for one in lines(done)] == ["only"]


def test_control_characters_of_an_event_do_not_reach_the_terminal(tmp_path):
    with open_ledger(str(tmp_path / "l.db")) as ledger:
        ledger.append(events.api_activity(time=10**18, operation="\x1b[31mred[bold]", actor="x"))
    done = guarita("query", "--ledger", "l.db", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "[bold]" in done.stdout
