"""`guarita detect alerts …` as it is called, and killed."""

import json
import os
import signal
import subprocess
import sysconfig
import time
from pathlib import Path

import alertpeers
import pytest
from sinkservers import Server

from guarita.audit import events, open_ledger
from guarita.cli.main import run
from guarita.config import load
from guarita.detection.alerts.channels.build import build_all
from guarita.detection.alerts.courier import Courier
from guarita.detection.alerts.routing import Routing
from guarita.detection.alerts.stores.locate import beside

GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"
CONFIGURATION = """
ledger: {{url: l.db}}
detection:
  alerts:
    channels:
      oncall: {{type: pagerduty, url: {url}/v2/enqueue, routing_key: {{env: KEY}}, timeout: 60}}
    routes:
      - {{name: page, levels: [critical], channels: [oncall], group_wait: 0}}
      - {{name: rest, levels: [info, low, medium, high], channels: [log], group_wait: 0}}
"""


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KEY", "k" * 32)
    monkeypatch.delenv("GUARITA_LEDGER", raising=False)
    with Server(alertpeers.PagerDutyPeer) as peer:
        (tmp_path / "guarita.yaml").write_text(CONFIGURATION.format(url=peer.url))
        yield peer


def detected(*users, level="critical"):
    with open_ledger("l.db") as ledger:
        for user in users:
            ledger.append(
                events.detection_finding(
                    time=time.time_ns() // 1_000_000, finding_uid=f"f-{user}-{level}", rule="brute-force",
                    title="Brute force", severity=level, details={"group": {"user": user}},
                )
            )  # fmt: skip


def said(capsys, *words, status=0):
    assert run(["detect", "alerts", *words, "--json"]) == status
    out, err = capsys.readouterr()
    return json.loads(out or err)


def test_from_the_ledger_to_a_page_and_back(server, capsys):
    detected("ana", "rui\x1b[31m")
    detected("eva", level="low")
    assert said(capsys, "run") == {"sent": 2, "pending": 0, "failing": []}
    listed = said(capsys, "list")["incidents"]
    assert sorted((one["level"], one["state"], one["told"]) for one in listed) == [
        ("critical", "open", "oncall"), ("critical", "open", "oncall"), ("low", "open", "log"),
    ]  # fmt: skip
    ana = next(one["incident"] for one in listed if one["labels"].get("group.user") == "ana")
    assert said(capsys, "list", ana[:6])["list"][0]["group"] == {"user": "ana"}
    assert said(capsys, "ack", ana, "--by", "eva") == {"incident": ana, "by": "eva"}
    said(capsys, "run")
    assert [json.loads(body)["event_action"] for _, _, body in server.stored["sent"]] == [
        "trigger", "trigger", "acknowledge",
    ]  # fmt: skip
    silence = said(
        capsys,
        "silence",
        "rule=brute-*",
        "level=critical",
        "--for",
        "2h",
        "--reason",
        "a test",
        "--owner",
        "ops",
    )["silence"]
    assert [one["silence"] for one in said(capsys, "silences")["silences"]] == [silence]
    assert {one["state"] for one in said(capsys, "list")["incidents"]} == {"silenced", "open"}
    said(capsys, "unsilence", silence, "--by", "eva")
    assert said(capsys, "silences") == {"silences": []}
    with open_ledger("l.db", read_only=True) as ledger:
        named = [one.event["api"]["operation"] for one in ledger.query() if one.event["class_uid"] == 6003]
    assert sorted(named) == [
        "alert.acknowledged", "alert.sent", "alert.sent", "alert.sent", "alert.sent", "alert.silenced",
        "alert.unsilenced",
    ]  # fmt: skip
    for words in (["list"], ["list", ana], ["silences"]):
        assert run(["detect", "alerts", *words]) == 0
        assert "\x1b" not in capsys.readouterr().out


def test_the_first_time_it_may_begin_at_the_end(server, capsys):
    detected("ana")
    assert said(capsys, "run", "--from", "9", status=2)["error"]["code"] == "alerts.usage"
    assert said(capsys, "run", "--from", "end")["sent"] == 0
    detected("rui")
    assert said(capsys, "run", "--from", "end")["sent"] == 1, "after the first time it goes on"


def test_a_channel_is_tried_by_hand(server, capsys):
    assert said(capsys, "test", "oncall", "--level", "critical") == {
        "channel": "oncall",
        "answers": ["HTTP status 202, success", "HTTP status 202, success"],
    }
    assert [json.loads(body)["event_action"] for _, _, body in server.stored["sent"]] == [
        "trigger",
        "resolve",
    ]
    server.faults = ["400"]
    assert said(capsys, "test", "oncall", status=1)["error"]["code"] == "alerts.refused"
    server.faults = ["garbage"]
    assert said(capsys, "test", "oncall", status=3)["error"]["code"] == "alerts.answer"
    for name in ("log", "gone"):
        assert said(capsys, "test", name, status=2)["error"]["code"] == "alerts.no-channel"


def test_what_did_not_arrive_is_the_exit_status(server, capsys):
    detected("ana")
    server.faults = ["503"]
    assert run(["detect", "alerts", "run", "--json"]) == 3
    out, err = capsys.readouterr()
    assert json.loads(out) == {"sent": 0, "pending": 1, "failing": ["oncall"]}
    assert json.loads(err)["error"]["message"] == "oncall: 127.0.0.1: HTTP status 503"
    assert said(capsys, "list")["pending"][0]["error"] == "alerts.busy"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["ack", "nothing"], "alerts.no-incident"),
        (["ack", ""], "alerts.no-incident"),
        (["unsilence", "nothing"], "alerts.no-silence"),
        (["silence", "user=x", "--for", "1h", "--reason", "r", "--owner", "o"], "alerts.matcher"),
        (["silence", "group.=x", "--for", "1h", "--reason", "r", "--owner", "o"], "alerts.matcher"),
        (["run", "--once", "--follow"], "alerts.usage"),
    ],
)
def test_a_wrong_call_is_said(server, capsys, words, code):
    detected("ana")
    assert said(capsys, *words, status=2)["error"]["code"] == code


def test_without_configuration_or_a_ledger_it_says_what_to_write(server, tmp_path, capsys):
    assert said(capsys, "list", status=2)["error"]["code"] == "audit.no-ledger"
    (tmp_path / "guarita.yaml").write_text("ledger: {url: l.db}\n")
    assert said(capsys, "list", status=2)["error"]["code"] == "alerts.not-configured"


@pytest.mark.parametrize("taken", [False, True], ids=["before", "after"])
def test_the_command_is_killed_while_it_sends(server, tmp_path, taken):
    detected("ana")
    running = []

    def kill(handler, body):
        running[0].kill()
        running[0].wait()
        return "drop-after" if taken else "drop-before"

    server.faults = [kill]
    with server.lock:  # no request is looked at before the process is known
        running.append(subprocess.Popen([GUARITA, "detect", "alerts", "run"]))
    assert running[0].wait(60) == -signal.SIGKILL
    section = load(tmp_path / "guarita.yaml").detection.alerts
    with open_ledger("l.db") as ledger:
        database = beside(ledger)
        # Whoever comes before the claim of the dead one has ended leaves it alone.
        for ahead, sent in ((1_000, 0), (100_000, 1)):
            now = time.time_ns() // 1_000_000 + ahead
            courier = Courier(
                ledger, database, Routing(section, build_all(section, tmp_path)), now=lambda now=now: now
            )
            courier.begin()
            courier.once()
            assert courier.sent == sent
        database.close()
    keys = [json.loads(body)["dedup_key"] for _, _, body in server.stored["sent"]]
    assert len(keys) == 1 + taken
    assert len(set(keys)) == 1


@pytest.mark.parametrize("words", [["alerts", "run"], ["run"]], ids=["alerts", "detection"])
def test_it_follows_until_it_is_told_to_end(server, tmp_path, words):
    detected("ana")
    arrived = []
    server.faults = [lambda *_: arrived.append(1), lambda *_: arrived.append(2)]
    process = subprocess.Popen([GUARITA, "detect", *words, "--follow"])
    try:
        wait_for(lambda: arrived == [1], process)
        detected("rui")
        wait_for(lambda: arrived == [1, 2], process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(true, process):
    until = time.monotonic() + 60
    while not true():
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
