"""`guarita doctor` on ledgers that are well, damaged, exposed and ahead of the clock, and with checks that hang or lie."""

import json
import re
import socket
import sqlite3
import subprocess
import sysconfig
import threading
import time
from pathlib import Path

import pytest

from guarita.audit import events, open_ledger
from guarita.doctor.examine import examine, overall
from guarita.doctor.interface import Check, Standing
from guarita.errors import ExitStatus, GuaritaError, UsageError

GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"
PAGE = (Path(__file__).parents[2] / "docs/doctor.md").read_text()


def asked(folder, *words):
    done = subprocess.run(
        [GUARITA, "doctor", "--json", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    found = {one["check"]: one for one in json.loads(done.stdout)["checks"]} if done.stdout else {}
    return done, found


@pytest.fixture
def project(tmp_path):
    (tmp_path / "guarita.yaml").write_text("ledger: {url: sqlite:///l.db}\n")
    with open_ledger(str(tmp_path / "l.db"), origin="test/log") as ledger:
        ledger.append(events.api_activity(time=int(time.time() * 1000), operation="GET /", actor="u"))
    return tmp_path


@pytest.mark.tools
def test_all_is_well_and_the_page_lists_what_is_checked(project):
    done, found = asked(project)
    assert done.returncode == 0, found
    assert {one["standing"] for one in found.values()} == {"well"}
    listed = PAGE.split("|---|---|", 1)[1].split("\n\n")[0]
    assert {
        word for row in listed.splitlines() if row for word in re.findall(r"`([^`]+)`", row.split("|")[1])
    } == set(found)


def test_what_is_wrong_is_named_with_what_to_do(project):
    (project / "l.key").chmod(0o644)
    with sqlite3.connect(project / "l.db") as database:
        database.execute("UPDATE body SET bytes = x'00' WHERE idx = 0")
    done, found = asked(project)
    assert done.returncode == 1
    assert found["ledger whole"]["standing"] == "wrong"
    assert found["ledger key"]["hint"].startswith("chmod 600")
    private = (project / "l.key").read_text().strip()
    assert private not in done.stdout + done.stderr


def test_a_clock_that_was_ahead_is_noticed(project):
    with open_ledger(str(project / "l.db")) as ledger:
        ledger.append(
            events.api_activity(time=int((time.time() + 7200) * 1000), operation="GET /", actor="u")
        )
    assert asked(project)[1]["ledger clock"]["standing"] == "wrong"


def test_a_configuration_that_is_wrong_is_a_wrong_call(tmp_path):
    (tmp_path / "guarita.yaml").write_text("legder: {}\n")
    assert asked(tmp_path)[0].returncode == 2


def test_a_ledger_that_is_not_there_is_wrong(tmp_path):
    done, found = asked(tmp_path, "--ledger", "sqlite:///none.db")
    assert done.returncode == 1
    assert found["ledger"]["standing"] == "wrong"
    assert not (tmp_path / "none.db").exists()


@pytest.mark.servers
def test_a_server_that_takes_and_never_answers_is_unknown_and_holds_up_nobody(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://u:hunter2secret@127.0.0.1:{silent.getsockname()[1]}/x"
        done, found = asked(tmp_path, "--ledger", url, "--timeout", "2")
    assert done.returncode in {1, 3}
    assert found["ledger"]["standing"] == "unknown"
    assert found["configuration"]["standing"] == "well"
    assert "hunter2secret" not in done.stdout + done.stderr


def test_each_check_is_bounded_and_what_it_raises_is_told_apart():
    forever = threading.Event()

    def raises(error):
        raise error

    checks = [
        Check("hangs", lambda: str(forever.wait())),
        Check("well", lambda: "fine"),
        Check("wrong", lambda: raises(UsageError("x.y", "no", hint="do"))),
        Check("unknown", lambda: raises(GuaritaError("x.z", "cannot say"))),
        Check("broken", lambda: raises(ValueError("token=abc"))),
    ]
    found = examine(checks, 1.0)
    forever.set()
    assert [one.check for one in found] == [one.name for one in checks]
    unknown, well, wrong = Standing.UNKNOWN, Standing.WELL, Standing.WRONG
    assert [one.standing for one in found] == [unknown, well, wrong, unknown, unknown]
    assert "token" not in str(found)
    assert found[2].hint == "do"
    assert overall(found) is ExitStatus.REFUSED
    assert overall(found[3:]) is ExitStatus.UNKNOWN
    assert overall(found[1:2]) is ExitStatus.PASSED
