"""Detection over a ledger: each detection once, whenever the process ends; by the commands, on events as parts write them."""

import json
import signal
import subprocess
import sys

import msgspec
import pytest
import servers

from guarita.audit import LedgerCorruptError, events, open_ledger
from guarita.cli.main import run
from guarita.detection import detector as module
from guarita.detection.detector import Detector
from guarita.detection.engine.engine import Engine
from guarita.detection.sigma.load import PACK, load
from guarita.gateway.interface import Request
from guarita.gateway.refusal import TokenError
from guarita.gateway.reporting import LedgerReporter
from guarita.rotation.clock import Moment
from guarita.rotation.journal import Entry, Phase, Reason, Work
from guarita.rotation.record import phase_event

START = 1_764_000_000_000


def refused(number, address, code="apikey.wrong-secret"):
    return events.api_activity(
        time=START + number * 1000, operation="GET", actor="nobody", source=events.Personal(address, address),
        allowed=False, service="guarita gateway", code=401, reason=code,
    )  # fmt: skip


def story(ledger):
    ledger.append_all(
        [
            refused(n, f"192.0.2.{n % 3}", "dpop.replay" if n % 50 == 7 else "apikey.wrong-secret")
            for n in range(600)
        ]
    )


def detected(ledger):
    return [
        (event["unmapped"]["guarita"]["trigger"], event["finding_info"]["analytic"]["uid"])
        for event in (msgspec.json.decode(leaf.body) for leaf in ledger.entries())
        if event["class_uid"] == 2004
    ]


def detector(ledger):
    engine = Engine(load([PACK]))
    return Detector(ledger, engine, clock=lambda: START + 3_600_000, lateness=60_000)


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.servers)])
def test_whenever_it_ends_nothing_is_lost_or_doubled(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(module, "BATCH", 7)
    with open_ledger(str(tmp_path / "whole.db")) as whole:
        story(whole)
        list(detector(whole).run())
        expected = detected(whole)
    assert {rule for _, rule in expected} == {"brute-force", "token-replay"}
    assert len(expected) > 3

    def interrupted(url):
        with open_ledger(url, key=str(tmp_path / "k.key")) as ledger:
            story(ledger)
            # The generator is left after its detections are durable and before its cursor is.
            while next(detector(ledger).run(), None) is not None:
                pass
            list(detector(ledger).run())
            assert sorted(detected(ledger)) == sorted(expected)

    if kind == "sqlite":
        interrupted(str(tmp_path / "l.db"))
    else:
        with servers.postgres() as server:
            interrupted(server.url(schema="detect"))


def test_what_the_gateway_counts_instead_of_telling_is_counted(tmp_path):
    with open_ledger(str(tmp_path / "l.db")) as ledger:
        with LedgerReporter(ledger) as reporter:
            request = Request(method="GET", path="/", headers=(), client="192.0.2.9")
            for _ in range(40):
                reporter.refused(TokenError("token.signature", "no"), request, None)
        list(detector(ledger).run())
        assert [rule for _, rule in detected(ledger)] == ["brute-force"]
        (event,) = [
            e for e in (msgspec.json.decode(leaf.body) for leaf in ledger.entries()) if e["class_uid"] == 2004
        ]
        ours = event["unmapped"]["guarita"]
        assert ours["count"] == 40
        assert "192.0.2.9" not in json.dumps(event)
        assert ours["group"]["src_endpoint.uid"].startswith("sealed:v1:")


def test_the_commands_say_what_was_detected_and_end_cleanly(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    url = str(tmp_path / "l.db")
    with open_ledger(url) as ledger:
        story(ledger)
    assert run(["detect", "run", "--ledger", url, "--json", "--fail-on", "critical"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["rule"] for line in lines} == {"brute-force", "token-replay"}
    assert run(["detect", "run", "--ledger", url]) == 0
    assert run(["detect", "run", "--ledger", url, "--since", "2025-11-01"]) == 1
    assert run(["detect", "run", "--ledger", str(tmp_path / "none.db")]) == 2
    assert run(["detect", "test", "-q"]) == 0
    assert run(["detect", "rules", "--json"]) == 0
    command = [sys.executable, "-c", "from guarita.cli.main import main; main()"]
    process = subprocess.Popen(
        [*command, "detect", "run", "--follow", "--json", "--ledger", url], stdout=subprocess.PIPE, text=True
    )
    with open_ledger(url) as ledger:
        ledger.append_all([refused(n, "198.51.100.7") for n in range(10_000, 10_030)])
    assert json.loads(process.stdout.readline())["rule"] == "brute-force"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 1


def test_rules_are_disabled_and_changed_by_the_configuration_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "guarita.yaml").write_text(
        "detection:\n  overrides:\n    token-replay: {enabled: false, reason: a test}\n"
        "    brute-force: {threshold: 100000, level: low, reason: a test}\n"
    )
    with open_ledger(str(tmp_path / ".guarita" / "ledger.db")) as ledger:
        story(ledger)
    assert run(["detect", "run"]) == 0
    (tmp_path / "guarita.yaml").write_text("detection: {overrides: {brute: {reason: x}}}\n")
    assert run(["detect", "run"]) == 2
    assert "'brute'" in capsys.readouterr().err


def test_what_stands_beside_the_log_is_seen_once_in_a_while_whoever_asks(tmp_path):
    with open_ledger(str(tmp_path / "l.db"), key="none") as ledger:
        ledger.append(refused(0, "192.0.2.1"))
        now = [START + 3_600_000]
        watch = Detector(ledger, Engine(load([PACK])), clock=lambda: now[0], lateness=60_000)
        for _ in range(4):
            list(watch.run())
            now[0] += 61_000
        assert [rule for _, rule in detected(ledger)] == ["checkpoint-missing"]
        list(detector(ledger).run())
        assert len(detected(ledger)) == 1


def test_a_cursor_of_another_log_is_noticed(tmp_path):
    with open_ledger(str(tmp_path / "l.db")) as ledger:
        ledger.append(refused(0, "192.0.2.1"))
        list(detector(ledger).run())
        text = ledger.store.state(module.CURSOR)[module.CURSOR]
        wrong = msgspec.json.encode(msgspec.json.decode(text) | {"hash": "00" * 32}).decode()
        assert ledger.store.swap_state(module.CURSOR, text, wrong)
        with pytest.raises(LedgerCorruptError):
            list(detector(ledger).run())


def test_more_groups_than_there_is_room_for_is_a_detection_itself(tmp_path):
    with open_ledger(str(tmp_path / "l.db")) as ledger:
        ledger.append_all([refused(n, f"192.0.2.{n}") for n in range(60)])
        engine = Engine(load([PACK]), most=16)
        clock = START + 60_000
        found = list(Detector(ledger, engine, clock=lambda: clock, lateness=60_000).run())
        assert [(one.rule.name, dict(one.group), one.count) for one in found] == [
            ("detection-overflow", {"rule": "brute-force"}, 44)
        ]


def test_killed_again_and_again_it_detects_each_thing_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    url = str(tmp_path / "l.db")
    with open_ledger(url) as ledger:
        for start in range(0, 3000, 100):
            ledger.append_all([refused(n, f"192.0.2.{n % 3}") for n in range(start, start + 100)])
    command = [sys.executable, "-c", "from guarita.cli.main import main; main()"]
    for _ in range(3):
        process = subprocess.Popen(
            [*command, "detect", "run", "--follow", "--json", "--ledger", url],
            stdout=subprocess.PIPE,
            text=True,
        )
        process.stdout.readline()
        process.kill()
        process.wait()
        with open_ledger(url) as ledger:
            size = ledger.size
            ledger.append_all([refused(n, "198.51.100.8") for n in range(size, size + 25)])
    assert run(["detect", "run", "--ledger", url, "--fail-on", "critical"]) == 0
    with open_ledger(url) as ledger:
        once = detected(ledger)
        ledger.store.swap_state(module.CURSOR, ledger.store.state(module.CURSOR)[module.CURSOR], "{}")
        list(detector(ledger).run())
        assert detected(ledger) == once
        assert len(set(once)) == len(once) >= 15


def test_an_event_from_the_future_costs_no_window(tmp_path):
    with open_ledger(str(tmp_path / "l.db")) as ledger:
        ledger.append_all([refused(n, "192.0.2.1") for n in range(19)])
        ledger.append(refused(10**8, "192.0.2.2"))
        list(detector(ledger).run())
        assert detected(ledger) == []
        ledger.append(refused(19, "192.0.2.1"))
        list(detector(ledger).run())
        assert [rule for _, rule in detected(ledger)] == ["brute-force"]


@pytest.mark.parametrize(
    ("phase", "success", "emergency", "rule"),
    [
        ("rolling-back", False, False, "rotation-failed"),
        ("planned", True, True, "emergency-rotation"),
        ("enabled", False, False, "old-credential-in-use"),
        ("planned", True, False, None),
    ],
)
def test_events_as_rotation_writes_them_fire_its_rules(tmp_path, phase, success, emergency, rule):
    work = Work(rotation="r1", phase=Phase.PLANNED, emergency=emergency)
    entry = Entry(secret="db", kind="postgres", work=work)
    reason = None if success else Reason(code="postgres.down", message="m")
    moment = Moment(server=START / 1000, local=START / 1000)
    told = phase_event(entry, phase, now=moment, token=1, place="kv/db", success=success, reason=reason)
    with open_ledger(str(tmp_path / "l.db")) as ledger:
        ledger.append(events.entity_management(**told))
        list(detector(ledger).run())
        assert [name for _, name in detected(ledger)] == ([rule] if rule else [])
