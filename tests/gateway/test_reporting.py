"""Decisions in the audit ledger: each that matters by itself, the rest counted, and no request waits."""

import asyncio
import json

import pytest

from guarita.audit import open_ledger
from guarita.gateway import reporting
from guarita.gateway.core import Gateway
from guarita.gateway.interface import Request
from guarita.gateway.refusal import RefusalError
from guarita.gateway.reporting import LedgerReporter, UnrecordedError


@pytest.fixture
def ledger(tmp_path):
    with open_ledger(str(tmp_path / "ledger.db")) as opened:
        yield opened


def ask(gateway, path, credential="", method="GET", client="203.0.113.5"):
    headers = ((b"authorization", credential.encode()),) if credential else ()
    try:
        asyncio.run(gateway.admit(Request(method, path, headers, client=client)))
    except RefusalError as refusal:
        return refusal.code
    return "granted"


def told(ledger, **options):
    found = [json.loads(ledger.revealed(entry.body)) for entry in ledger.entries()]
    return [event for event in found if event["class_uid"] == 6003]


def test_refusals_and_privileged_grants_are_events_and_the_rest_is_counted(ledger, policy, letters):
    with LedgerReporter(ledger) as reporter:
        gateway = Gateway(policy, [letters], reporter=reporter)
        for _ in range(7):
            assert ask(gateway, "/docs", "Bearer ana docs:read") == "granted"
        assert ask(gateway, "/admin", "Bearer root admin") == "granted"
        assert ask(gateway, "/docs") == "credential.missing"
        assert ask(gateway, "/docs", "Bearer ana docs:read", "POST") == "access.missing-permission"
    events = told(ledger)
    single = {
        (e.get("status_code"), e["actor"]["user"]["uid"], e["status_id"])
        for e in events
        if "status_code" in e
    }
    assert single == {
        ("access.granted", "root", 1),
        ("credential.missing", "nobody", 2),
        ("access.missing-permission", "ana", 2),
    }
    (summary,) = [e for e in events if e["api"]["operation"] == "gateway.granted"]
    assert summary["unmapped"]["guarita"] == {
        "count": 7,
        "decisions": [
            {
                "method": "GET", "rule": "rule-1", "code": "access.granted", "policy": "test", "known": True, "credential_roles": [],
                "scopes": ["docs:read"], "roles": ["docs:read"], "count": 7,
            }
        ],
    }  # fmt: skip


def test_a_flood_of_the_same_refusal_is_counted(ledger, policy, letters):
    with LedgerReporter(ledger) as reporter:
        gateway = Gateway(policy, [letters], reporter=reporter)
        for _ in range(200):
            ask(gateway, "/docs", "Bearer bad x")
        ask(gateway, "/docs", "Bearer bad x", client="203.0.113.6")
    events = told(ledger)
    assert [e["status_code"] for e in events if "status_code" in e] == ["token.revoked"] * 2
    (again,) = [e for e in events if e["api"]["operation"] == "gateway.refused-again"]
    assert again["unmapped"]["guarita"] == {"code": "token.revoked", "count": 199}
    assert again["src_endpoint"]["uid"] == "203.0.113.5"


def test_who_called_is_sealed_and_can_be_erased(ledger, policy, letters, tmp_path):
    with LedgerReporter(ledger) as reporter:
        ask(Gateway(policy, [letters], reporter=reporter), "/docs", "Bearer ana-canary other")
    stored = b"".join(entry.body for entry in ledger.entries())
    assert b"ana-canary" not in stored
    assert b"203.0.113.5" not in stored
    ledger.erase("|ana-canary")
    assert "ana-canary" not in json.dumps(told(ledger))
    ledger.verify()


class Stopped:
    """A ledger that takes nothing until told."""

    def __init__(self, ledger):
        self.ledger, self.stopped = ledger, True

    def append_all(self, events):
        if self.stopped:
            from guarita.audit import LedgerUnavailableError

            raise LedgerUnavailableError("audit.unavailable", "stopped")
        return self.ledger.append_all(events)


@pytest.mark.parametrize("choice", ["deny", "drop"])
def test_while_the_ledger_takes_nothing_the_declared_choice_holds(
    ledger, policy, letters, monkeypatch, choice
):
    monkeypatch.setattr(reporting, "MAX_WAITING", 50)
    monkeypatch.setattr(reporting, "BATCH", 5)
    stopped = Stopped(ledger)
    reporter = LedgerReporter(stopped, when_unwritable=choice)
    gateway = Gateway(policy, [letters], reporter=reporter)
    codes = [ask(gateway, "/admin", f"Bearer u{number} admin") for number in range(400)]
    if choice == "deny":
        assert codes[-1] == "audit.unavailable"
        with pytest.raises(UnrecordedError) as refused:
            reporter.ready()
        assert refused.value.status == 503
    else:
        assert set(codes) == {"granted"}
    stopped.stopped = False
    reporter.close()
    events = told(ledger)
    written = sum("status_code" in event for event in events)
    untold = sum(
        e["unmapped"]["guarita"]["count"] for e in events if e["api"]["operation"] == "gateway.untold"
    )
    repeated = sum(
        e["unmapped"]["guarita"]["count"] for e in events if e["api"]["operation"].endswith("again")
    )
    assert written + untold + repeated == 400
