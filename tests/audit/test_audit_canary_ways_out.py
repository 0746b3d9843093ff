"""By every way out of the ledger (sinks, exports, archive, evidence, witnesses) nothing personal or secret leaves."""

import gzip
import io
import json
import subprocess
import sysconfig
import zipfile
from pathlib import Path

import pytest
import sinkservers
from canaries import files, seen

from guarita.audit import Personal, events, open_ledger
from guarita.audit.notes.cosignature import CosigningKey
from guarita.audit.notes.ed25519 import SigningKey

GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"
CANARY = "Canário 7f3a9c0e da Silva"
SUBJECT = "subject-7f3a9c0e-4711"
PASSWORD = "Senha-6b1d0f52-secreta"
COUNT = 600


class Recorded(list):
    """Requests that were received: lines, headers and bodies, unpacked."""

    def __call__(self, handler, body):
        unpacked = gzip.decompress(body) if handler.headers.get("content-encoding") == "gzip" else body
        self.append(f"{handler.command} {handler.path}\n".encode() + unpacked)
        return "ok"


@pytest.fixture
def project(tmp_path):
    (tmp_path / "guarita.yaml").touch()
    with open_ledger(str(tmp_path / ".guarita" / "ledger.db"), origin="example.com/log") as ledger:
        ledger.append_all(
            events.api_activity(
                time=1_764_000_000_000 + number,
                operation="GET /docs",
                actor=Personal(SUBJECT, f"{CANARY} {number}"),
                source=Personal(SUBJECT, CANARY),
                details={"who": [Personal(SUBJECT, CANARY)]},
                allowed=bool(number % 7),
            )
            for number in range(COUNT)
        )
    return tmp_path


def unpacked(name, content):
    """The members of an archive, since what is compressed cannot be searched."""
    if name.endswith(".pyz"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {f"{name}/{member}": archive.read(member) for member in archive.namelist()}
    return {name: gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content}


def everything(project):
    found = {}
    for name, content in files(project).items():
        found |= unpacked(name, content) | {f"{name} raw": content}
    return found


def configure(project, elasticsearch, otlp):
    (project / "guarita.yaml").write_text(
        json.dumps(
            {
                "ledger": {
                    "sinks": [
                        {"type": "file", "name": "file", "path": "out/audit.jsonl"},
                        {"type": "stdout", "name": "stdout"},
                        {
                            "type": "elasticsearch", "name": "search", "url": elasticsearch, "index": "audit",
                            "username": "elastic", "password": {"env": "ES_PASSWORD"},
                        },
                        {
                            "type": "otlp", "name": "otlp", "url": f"{otlp}/v1/logs",
                            "headers": {"Authorization": {"env": "ES_PASSWORD"}},
                        },
                    ]
                }
            }
        )
    )  # fmt: skip


def run(project, *arguments, expected=0):
    done = subprocess.run(
        [GUARITA, "audit", *arguments],
        cwd=project,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "200", "ES_PASSWORD": PASSWORD},
        capture_output=True,
        check=False,
    )
    assert done.returncode == expected, done.stderr
    name = " ".join(arguments)
    return {f"{name} stdout": done.stdout, f"{name} stderr": done.stderr}


@pytest.mark.servers
def test_no_copy_that_leaves_the_ledger_holds_a_value(project):
    received = Recorded()
    with (
        sinkservers.Server(sinkservers.Elasticsearch) as search,
        sinkservers.Server(sinkservers.Collector) as otlp,
    ):
        search.faults = [received] * 1000
        otlp.faults = [received] * 1000
        configure(project, search.url, otlp.url)
        said = run(project, "ship")
        assert len(search.stored["audit"]) == len(otlp.stored) == COUNT
        for server in (search, otlp):
            server.faults = ["500", "garbage", "429"] * 100
        with open_ledger(str(project / ".guarita" / "ledger.db")) as ledger:
            ledger.append(events.api_activity(time=1, operation="x", actor=Personal(SUBJECT, CANARY)))
        said |= run(project, "ship", "--patience", "0", "--json", expected=3)
        for server in (search, otlp):
            server.faults = []
        said |= run(project, "ship")
    said |= run(project, "export", "-o", "tiles=tiles", "-o", "jsonl=lines.jsonl", "-o", "ocsf=events.jsonl")
    said |= run(project, "export", "-o", "jsonl")
    said |= run(project, "prove", "3")
    said |= run(project, "evidence", "-o", "evidence.pyz")
    said |= run(project, "archive", "--before", "2099-01-01", "--to", "old")
    said |= run(project, "evidence", "-o", "old.pyz", "--archive", "old", "--json")
    dead = CosigningKey(SigningKey.generate("w")).public.vkey
    said |= run(project, "witness", "collect", "--witness", f"http://127.0.0.1:1={dead}", expected=3)
    said |= run(project, "verify")
    left = everything(project)
    assert any(name.startswith("tiles/") for name in left)
    assert any(name.startswith("old/") for name in left)
    assert any(b"sealed:v1:" in content for name, content in left.items() if name.startswith("out/"))
    everywhere = left | said | {f"request {number}": body for number, body in enumerate(received)}
    for canary in (CANARY, SUBJECT, PASSWORD):
        assert seen(canary, everywhere) == [], canary
    # The same search finds it where it may be shown: to whoever holds the keys.
    with open_ledger(str(project / ".guarita" / "ledger.db"), archive=project / "old") as ledger:
        assert any(CANARY in repr(one.event) for one in ledger.query(reveal=True))
