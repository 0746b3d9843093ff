"""Yesterday's decisions out of the ledger, against a candidate policy, by the real command."""

import asyncio
import json
import subprocess
import sysconfig
from pathlib import Path

import pytest

from guarita.audit import open_ledger
from guarita.gateway.core import Gateway
from guarita.gateway.interface import Request
from guarita.gateway.refusal import RefusalError
from guarita.gateway.reporting import MAX_KINDS, LedgerReporter
from guarita.policy.access import load

GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"
POLICY = """\
gateway:
  access:
    roles:
      reader: {allow: ["docs:read"]}
      editor: {inherits: [reader], allow: ["docs:write"]}
    bindings:
    - {role: reader, scope: read}
    - {role: editor, scope: write}
    routes:
    - {path: "/docs/{id}", methods: [GET], permissions: ["docs:read"]}
    - {path: "/docs/{id}", methods: [PUT], permissions: ["docs:write"], privileged: true}
    - {path: "/health", methods: [GET], public: true}
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "guarita.yaml").write_text(POLICY)
    return tmp_path


@pytest.fixture
def replayed(project):
    def run(candidate, *options):
        (project / "candidate.yaml").write_text(candidate)
        done = subprocess.run(
            [GUARITA, "gateway", "replay", "candidate.yaml", *options],
            cwd=project,
            env={"PATH": "/usr/bin:/bin", "COLUMNS": "120"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return run


def record(project, letters, asked):
    """Ask a gateway that writes to the project's ledger."""
    with (
        open_ledger(str(project / ".guarita/ledger.db")) as ledger,
        LedgerReporter(ledger, interval=600) as reporter,
    ):
        gateway = Gateway(load(project / "guarita.yaml"), [letters], reporter=reporter)
        for method, path, credential in asked:
            headers = ((b"authorization", credential.encode()),) if credential else ()
            try:
                asyncio.run(gateway.admit(Request(method, path, headers, client="192.0.2.1")))
            except RefusalError:
                continue


DAY = [
    *[("GET", f"/docs/{number}", "Bearer ana read") for number in range(20)],
    *[("GET", "/docs/7", "Bearer eva write")] * 3,
    ("PUT", "/docs/7", "Bearer eva write"),
    *[("PUT", "/docs/7", "Bearer ana read")] * 4,
    *[("GET", "/reports/q3", "Bearer ana read")] * 2,
    *[("GET", "/docs/1", "")] * 2,
    ("GET", "/docs/1", "Bearer bad x"),
    *[("GET", "/health", "")] * 5,
]


def test_the_same_policy_flips_nothing(project, letters, replayed):
    record(project, letters, DAY)
    status, out, err = replayed(POLICY)
    assert (status, out) == (0, "37 decisions: 0 flip, 0 unknown\n"), err
    assert "1 more requests were refused by something else than the policy" in err


def test_flips_are_counted_by_what_they_hang_on(project, letters, replayed):
    record(project, letters, DAY)
    candidate = POLICY.replace("{role: reader, scope: read}", "{role: reader, scope: nobody}").replace(
        '    - {path: "/health"',
        '    - {path: "/reports/{id}", methods: [GET], authenticated: true}\n    - {path: "/health"',
    )
    status, out, _ = replayed(candidate)
    assert status == 3, "one of the two requests for a report was counted, and its path not kept"
    assert (
        "20 times GET /docs/{id} as roles reader: would be refused (access.missing-permission) by GET /docs/{id}"
        in out
    )
    assert (
        "1 times GET (no rule) as roles reader: would be let through (access.authenticated) by GET /reports/{id}"
        in out
    )
    assert "1 times GET (no rule) as roles reader: the record does not say enough" in out
    status, out, _ = replayed(candidate, "--json")
    found = json.loads(out)
    assert {name: found[name] for name in ("same", "opened", "closed", "unknown", "not_by_policy")} == {
        "same": 15, "opened": 1, "closed": 20, "unknown": 1, "not_by_policy": 1,
    }  # fmt: skip
    assert sum(flip["count"] for flip in found["flips"]) == 21


def test_a_time_is_named(project, letters, replayed):
    record(project, letters, DAY)
    assert replayed(POLICY, "--until", "2020-01-01")[1] == "0 decisions: 0 flip, 0 unknown\n"
    assert replayed(POLICY, "--from", "2020-01-01")[1].startswith("37 ")


def test_what_was_erased_is_unknown_where_it_mattered(project, letters, replayed):
    record(project, letters, [("GET", "/reports/q3", "Bearer ana read")])
    candidate = POLICY.replace('"/health"', '"/reports/{id}"')
    assert replayed(candidate)[0] == 1
    with open_ledger(str(project / ".guarita/ledger.db")) as ledger:
        ledger.erase("|ana")
    assert replayed(candidate)[0] == 3
    assert replayed(POLICY)[0] == 0


def test_no_path_and_nobody_stands_in_the_ledger(project, letters):
    record(
        project, letters, [*DAY, ("PUT", "/docs/canary-path", "Bearer canary-name write canary@mail.example")]
    )
    with open_ledger(str(project / ".guarita/ledger.db")) as ledger:
        stored = b"".join(entry.body for entry in ledger.entries())
    for canary in (b"canary", b"/reports/q3", b"192.0.2.1"):
        assert canary not in stored


def test_kinds_beyond_the_bound_are_counted_and_said_to_be_unknown(project, letters, replayed):
    many = [
        ("GET", "/docs/1", f"Bearer ana read s{a}{b}")
        for a in "abcdefghijklmnopqrstuvwxyz"
        for b in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRST"
    ]
    assert len(many) > MAX_KINDS
    record(project, letters, many)
    status, out, _ = replayed(POLICY, "--json")
    found = json.loads(out)
    assert status == 3
    assert (found["same"], found["unknown"]) == (MAX_KINDS, len(many) - MAX_KINDS)
    closed = json.loads(replayed(POLICY.replace('allow: ["docs:read"]', "allow: []"), "--json")[1])
    assert (closed["closed"], closed["unknown"]) == (MAX_KINDS, len(many) - MAX_KINDS)
