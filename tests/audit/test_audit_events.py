"""Events: every builder gives what OCSF 1.8's own schema accepts, and nothing secret can be written."""

import copy
import json
import pickle
from pathlib import Path

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guarita.audit import EventRefusedError, Personal, Secret, events, open_ledger

SCHEMAS = json.loads((Path(__file__).parent.parent / "data" / "ocsf" / "ocsf-1.8.0.json").read_text())
DIGESTS = dict.fromkeys(("tree", "policy", "waivers", "scanners", "findings"), "5e" * 32)

SCAN = {
    "time": 1_764_000_000_000,
    "scan_uid": "0d0c5a6e-2f3b-4a52-9b7e-0a4bd1c1f4aa",
    "started": 1_763_999_990_000,
    "ended": 1_764_000_000_000,
    "completed": True,
    "files": {"scanned": 10, "excluded": 2, "unparseable": 1, "no-tool": 0},
    "findings": {"high": 1, "low": 4},
    "scanners": {"code": "bandit 1.9.4"},
    "digests": DIGESTS,
}
VERDICT = {
    "time": 1_764_000_000_000,
    "scan_uid": SCAN["scan_uid"],
    "result": "failed",
    "threshold": "high",
    "policy_origin": "base",
    "digests": DIGESTS,
    "by_severity": {"high": 1},
    "by_decision": {"failing": 1},
    "coverage": SCAN["files"],
    "failing": [events.FailingFinding("ab" * 16, "B602", "high")],
    "revision": "c0ffee",
}
NOW = {"time": 1_764_000_000_000}

BUILT = {
    "scan": events.scan_activity(**SCAN),
    "scan-broken": events.scan_activity(**SCAN | {"completed": False}),
    "verdict": events.compliance_finding(**VERDICT),
    "verdict-passed": events.compliance_finding(**VERDICT | {"result": "passed", "failing": [], "revision": ""}),
    "verdict-unknown": events.compliance_finding(**VERDICT | {"result": "unknown", "problems": ["scanner.hung"]}),
    "authentication": events.authentication(
        **NOW, user="u-1", service="gateway", success=False, source="192.0.2.7", protocol="oauth", reason="token.expired"
    ),
    "authorize": events.authorize_session(**NOW, user="u-1", privileges=["doc:read"], allowed=False, session="f1"),
    "api": events.api_activity(
        **NOW, operation="GET /docs", actor="u-1", source="2001:db8::1", allowed=False, code=403, activity="read",
        service="docs", resource="doc-1", reason="policy.deny", details={"route": "/docs"}, uid="r-1",
    ),
    "api-small": events.api_activity(**NOW, operation="x", actor="u-1"),
    "vulnerability": events.vulnerability_finding(
        **NOW, finding_uid="v1", identifiers=["CVE-2026-1234", "GHSA-xxxx"], resource="lib", version="1.0", severity="high"
    ),
    "pii": events.data_security_finding(
        **NOW, finding_uid="d1", document="sha256:00", counts={"BR_CPF": 3}, decision="redact", severity="medium",
        details={"fingerprints": ["aa"]},
    ),
    "rotation": events.entity_management(
        **NOW, entity="kv/db", kind="secret", activity="update", success=True, version="7", details={"rotation": "r9"}
    ),
    "user": events.user_change(**NOW, user="u-1", activity="disable", actor="admin"),
    "role": events.role_change(**NOW, user="u-1", roles=["editor"], assigned=False, actor="admin"),
    "detection": events.detection_finding(
        **NOW, finding_uid="x1", rule="R1", title="Many refusals", severity="critical", resource="gateway", details={"n": 9}
    ),
    "detection-whole": events.detection_finding(
        **NOW, finding_uid="x2", rule="brute-force", title="Brute force", severity="high", first=1, last=2, count=3,
        attacks=[
            events.Attack(
                tactics=[events.Tactic(uid="TA0006")],
                technique=events.Technique(uid="T1110", name="Brute Force"),
                sub_technique=events.Technique(uid="T1110.004"),
            )
        ],
    ),
    "heartbeat-start": events.heartbeat(**NOW, writer="w", boot="b", counter=0, period=60_000, beat="start"),
    "heartbeat": events.heartbeat(**NOW, writer="w", boot="b", counter=1, period=60_000),
    "heartbeat-stop": events.heartbeat(**NOW, writer="w", boot="b", counter=2, period=60_000, beat="stop"),
}  # fmt: skip


def must_validate(document):
    profiles = "+security_control" if document["metadata"].get("profiles") else ""
    schema = {**SCHEMAS["classes"][f"{document['class_uid']}{profiles}"], "$defs": SCHEMAS["$defs"]}
    jsonschema.Draft202012Validator(schema).validate(document)


@pytest.mark.parametrize("name", BUILT)
def test_built_events_satisfy_the_ocsf_schema(name):
    must_validate(msgspec.json.decode(msgspec.json.encode(BUILT[name])))


def test_every_class_is_built_and_the_validator_refuses_a_wrong_event():
    assert {event.class_uid for event in BUILT.values()} == set(events.CLASSES)
    wrong = msgspec.json.decode(msgspec.json.encode(BUILT["scan"])) | {"verdict_of_ours": 1}
    with pytest.raises(jsonschema.ValidationError):
        must_validate(wrong)


def test_sealed_events_satisfy_the_ocsf_schema_too():
    sealed = events.authentication(
        **NOW, user=Personal("s", "ana"), service="g", success=True, source=Personal("s", "192.0.2.9")
    )
    must_validate(msgspec.json.decode(msgspec.json.encode(sealed, enc_hook=lambda _: "sealed:v1:x")))


def test_a_verdict_lists_a_bounded_number_of_findings_and_says_how_many_failed():
    many = [events.FailingFinding(f"{n:032x}", "R", "low") for n in range(events.MAX_LISTED + 50)]
    verdict = events.compliance_finding(**VERDICT | {"failing": many})
    assert len(verdict.compliance.checks) == events.MAX_LISTED
    assert verdict.unmapped["guarita"]["failing"] == events.MAX_LISTED + 50


SECRETS = st.text(min_size=6).filter(lambda text: text.strip())


@given(SECRETS)
def test_secrets_and_personal_values_show_nothing_and_cannot_be_serialised(value):
    canary = f"{value}kanarienvogel"
    for hidden in (Secret(canary), Personal(canary, canary)):
        shown = f"{hidden} {hidden!r} {hidden!s} {[hidden]} {hidden:>10}"
        assert "kanarienvogel" not in shown
        for attempt in (
            pickle.dumps,
            copy.copy,
            copy.deepcopy,
            json.dumps,
            msgspec.json.encode,
            msgspec.msgpack.encode,
        ):
            with pytest.raises(TypeError) as caught:
                attempt(hidden)
            assert "kanarienvogel" not in str(caught.value)
    assert Secret(canary).reveal() == canary
    assert Secret(canary) == Secret(canary) != Secret("other")


@pytest.mark.parametrize(
    "hidden", [Secret("kanarienvogel"), ["a", Secret("kanarienvogel")], {"k": Secret("x")}]
)
def test_an_event_that_carries_a_secret_does_not_enter(tmp_path, hidden):
    with open_ledger(str(tmp_path / "l.db")) as ledger:
        with pytest.raises(EventRefusedError) as caught:
            ledger.append(events.api_activity(**NOW, operation="x", actor="a", details={"token": hidden}))
        assert caught.value.code == "audit.secret"
        assert "kanarienvogel" not in str(caught.value)
        assert ledger.size == 0


@pytest.mark.parametrize(
    ("details", "code"),
    [
        ({"x": "y" * 70_000}, "audit.event-too-large"),
        ({"x": object()}, "audit.secret"),
        ({"x": "\ud800"}, "audit.event"),
    ],
)
def test_events_that_cannot_be_kept_are_refused_with_their_reason(tmp_path, details, code):
    with open_ledger(str(tmp_path / "l.db")) as ledger:
        with pytest.raises(EventRefusedError) as caught:
            ledger.append(events.api_activity(**NOW, operation="x", actor="a", details=details))
        assert caught.value.code == code
        assert ledger.size == 0
