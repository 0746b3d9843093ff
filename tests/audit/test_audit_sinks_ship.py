"""`guarita audit ship` and `sinks` by the real command: killed at random, every sink has every entry."""

import collections
import http.client
import json
import random
import signal
import subprocess
import sysconfig
import time
from pathlib import Path

import pytest
import sinkservers
from moto.server import ThreadedMotoServer

from guarita.audit import events, open_ledger
from guarita.audit.sinks.cursor import cursors

GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"
ENV = {"PATH": "/usr/bin:/bin", "COLUMNS": "200", "S3_ID": "a", "S3_SECRET": "kanarienvogel"}
EVERYTHING = """
ledger:
  sinks:
  - {{name: out, type: stdout, batch: 50}}
  - {{name: files, type: file, path: log/audit.jsonl, max_bytes: 65536, batch: 40}}
  - {{name: search, type: elasticsearch, url: '{search}', index: audit, batch: 30, timeout: 1}}
  - {{name: otel, type: otlp, url: '{otel}/v1/logs', batch: 45, timeout: 5}}
  - name: bucket
    type: s3
    bucket: bucket
    endpoint: '{s3}'
    region: us-east-1
    every: 0
    batch: 60
    timeout: 5
    access_key_id: {{env: S3_ID}}
    secret_access_key: {{env: S3_SECRET}}
"""


def grown(project, count):
    with open_ledger(str(project / ".guarita" / "ledger.db"), origin="example.com/log") as ledger:
        ledger.append_all(
            events.api_activity(time=n, operation=f"o{n}", actor="a") for n in range(ledger.size, count)
        )
        return [leaf.hash.hex() for leaf in ledger.entries()]


def guarita(project, *arguments, env=None, **more):
    return subprocess.run(
        [GUARITA, "audit", *arguments],
        cwd=project,
        env={**ENV, **(env or {})},
        capture_output=True,
        check=False,
        **more,
    )


@pytest.fixture
def servers():
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    behind = moto.get_host_and_port()
    connection = http.client.HTTPConnection(*behind)
    connection.request("POST", "/moto-api/reset")
    connection.getresponse().read()
    connection.request(
        "PUT", "/bucket", headers={"authorization": "AWS4-HMAC-SHA256 Credential=a/1/us-east-1/s3/x"}
    )
    connection.getresponse().read()
    connection.close()
    with (
        sinkservers.Server(sinkservers.Elasticsearch) as search,
        sinkservers.Server(sinkservers.Collector) as otel,
        sinkservers.Server(sinkservers.ToS3, behind=behind) as s3,
    ):
        yield {"search": search, "otel": otel, "s3": s3}
    moto.stop()


def test_killed_again_and_again_while_the_ledger_grows_every_sink_has_every_entry(tmp_path, servers):
    rng = random.Random(11)
    (tmp_path / "guarita.yaml").write_text(EVERYTHING.format(**{k: v.url for k, v in servers.items()}))
    grown(tmp_path, 200)
    kills, shown = 0, []
    for round_ in range(8):
        for server in servers.values():
            server.faults = [rng.choice(["ok", "ok", "ok", "503", "drop-after", "429"]) for _ in range(20)]
        before = sum(len(server.requests) for server in servers.values())
        shown.append(tmp_path / f"stdout-{round_}")
        with shown[-1].open("wb") as stdout:
            process = subprocess.Popen(
                [GUARITA, "audit", "ship", "--follow"], cwd=tmp_path, env=ENV, stdout=stdout
            )
            wanted, deadline = rng.randrange(1, 14), time.monotonic() + 120
            while sum(len(server.requests) for server in servers.values()) - before < wanted:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(rng.uniform(0.001, 0.01))
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
        grown(tmp_path, 200 + 60 * (round_ + 1))
    for server in servers.values():
        server.faults = []
    hashes = grown(tmp_path, 1000)
    last = guarita(tmp_path, "ship")
    assert last.returncode == 0, last.stderr
    assert kills == 8

    documents = servers["search"].stored["audit"]
    assert {int(id_): one["guarita"]["leaf_hash"] for id_, one in documents.items()} == dict(
        enumerate(hashes)
    )
    assert set(servers["otel"].stored) == {f"example.com/log/{n}" for n in range(1000)}
    objects = sinkservers.objects("http://{}:{}".format(*servers["s3"].behind))
    assert [(one["index"], one["leaf_hash"]) for lines in objects.values() for one in lines] == list(
        enumerate(hashes)
    )
    files = [*sorted((tmp_path / "log").glob("audit.jsonl.*")), tmp_path / "log" / "audit.jsonl"]
    lines = [json.loads(line) for path in files for line in path.read_bytes().splitlines()]
    assert [(one["index"], one["leaf_hash"]) for one in lines] == list(enumerate(hashes))
    seen = collections.Counter()
    for text in (*(path.read_bytes() for path in shown), last.stdout):
        for line in text.splitlines(keepends=True):
            if line.endswith(b"\n"):  # the last one may be torn
                one = json.loads(line)
                assert one["leaf_hash"] == hashes[one["index"]]
                seen[one["index"]] += 1
    assert set(seen) == set(range(1000))

    listed = json.loads(guarita(tmp_path, "sinks", "--json").stdout)
    assert {
        row["name"]: (row["cursor"], row["lag"], row["error"]) for row in listed["sinks"]
    } == dict.fromkeys(("out", "files", "search", "otel", "bucket"), (1000, 0, None))
    assert b"kanarienvogel" not in (tmp_path / ".guarita" / "ledger.db").read_bytes()


def test_one_hung_sink_delays_neither_the_others_nor_the_ledger(tmp_path, servers):
    (tmp_path / "guarita.yaml").write_text(EVERYTHING.format(**{k: v.url for k, v in servers.items()}))
    grown(tmp_path, 100)
    servers["search"].faults = ["hang"] * 100
    process = subprocess.Popen(
        [GUARITA, "audit", "ship", "--follow"], cwd=tmp_path, env=ENV, stdout=subprocess.DEVNULL
    )
    try:
        while not servers["search"].requests:
            time.sleep(0.01)
        grown(tmp_path, 150)
        deadline = time.monotonic() + 120
        while len(servers["otel"].stored) < 150 or not (tmp_path / "log" / "audit.jsonl").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        process.terminate()
        assert process.wait(90) == 0
    rows = {row["name"]: row for row in json.loads(guarita(tmp_path, "sinks", "--json").stdout)["sinks"]}
    assert rows["otel"]["lag"] == 0
    assert rows["search"]["lag"] == 150
    servers["search"].faults = []
    servers["search"].released.set()
    assert guarita(tmp_path, "ship", "--sink", "search").returncode == 0
    assert len(servers["search"].stored["audit"]) == 150


def test_a_reader_of_stdout_that_hangs_keeps_neither_other_sinks_nor_the_end(tmp_path):
    (tmp_path / "guarita.yaml").write_text(
        "ledger:\n  sinks:\n  - {name: out, type: stdout}\n  - {name: files, type: file, path: a.jsonl}\n"
    )
    grown(tmp_path, 1500)  # far more than a pipe holds
    process = subprocess.Popen(
        [GUARITA, "audit", "ship", "--follow"], cwd=tmp_path, env=ENV, stdout=subprocess.PIPE
    )
    deadline = time.monotonic() + 120
    path = tmp_path / "a.jsonl"
    while not path.exists() or path.read_bytes().count(b"\n") < 1500:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.terminate()
    assert process.wait(90) == 0
    process.stdout.close()


def test_a_sink_that_is_down_is_told_by_status_and_list_without_secrets(tmp_path):
    (tmp_path / "guarita.yaml").write_text(
        "ledger:\n  sinks:\n"
        "  - {name: out, type: stdout}\n"
        "  - {name: search, type: elasticsearch, url: 'http://127.0.0.1:9', index: audit, api_key: {env: ES}}\n"
    )
    grown(tmp_path, 10)
    done = guarita(tmp_path, "ship", "--patience", "0", env={"ES": "kanarienvogel"})
    assert done.returncode == 3
    assert b"search: http://127.0.0.1:9: ConnectError" in done.stderr
    assert len(done.stdout.splitlines()) == 10
    listed = guarita(tmp_path, "sinks")
    assert listed.returncode == 0
    assert b"ConnectError (1 times)" in listed.stdout
    assert (
        b"kanarienvogel"
        not in done.stdout + done.stderr + listed.stdout + (tmp_path / ".guarita/ledger.db").read_bytes()
    )


def test_a_shipper_needs_no_signing_key_and_makes_none(tmp_path):
    (tmp_path / "guarita.yaml").write_text("ledger:\n  sinks:\n  - {name: out, type: stdout}\n")
    grown(tmp_path, 10)
    (tmp_path / ".guarita" / "ledger.key").rename(tmp_path / "elsewhere.key")
    assert len(guarita(tmp_path, "ship").stdout.splitlines()) == 10
    assert not (tmp_path / ".guarita" / "ledger.key").exists()


def test_a_secret_that_goes_and_comes_back_stops_its_sink_for_that_time_only(tmp_path, servers):
    secret = tmp_path / "secret"
    secret.write_text("kanarienvogel\n")
    (tmp_path / "guarita.yaml").write_text(
        "ledger:\n  sinks:\n"
        f"  - {{name: search, type: elasticsearch, url: '{servers['search'].url}', index: audit, api_key: {{file: secret}}}}\n"
    )
    grown(tmp_path, 10)
    process = subprocess.Popen(
        [GUARITA, "audit", "ship", "--follow"], cwd=tmp_path, env=ENV, stderr=subprocess.PIPE
    )
    try:
        while len(servers["search"].stored.get("audit", ())) < 10:
            time.sleep(0.02)
        secret.unlink()
        grown(tmp_path, 20)
        with open_ledger(str(tmp_path / ".guarita" / "ledger.db"), read_only=True) as ledger:
            while not (failure := cursors(ledger.store)["search"].failure):
                time.sleep(0.02)
        assert failure.code == "audit.sink-secret"
        assert process.poll() is None
    finally:
        process.terminate()
        assert process.wait(90) == 0
        assert b"kanarienvogel" not in process.stderr.read()
        process.stderr.close()
    secret.write_text("kanarienvogel\n")
    assert guarita(tmp_path, "ship").returncode == 0
    assert len(servers["search"].stored["audit"]) == 20
    assert servers["search"].requests[-1][2]["authorization"] == "ApiKey kanarienvogel"


def test_shipping_again_from_an_index(tmp_path):
    (tmp_path / "guarita.yaml").write_text("ledger:\n  sinks:\n  - {name: out, type: stdout}\n")
    grown(tmp_path, 10)
    assert len(guarita(tmp_path, "ship").stdout.splitlines()) == 10
    assert guarita(tmp_path, "ship").stdout == b""
    again = guarita(tmp_path, "ship", "--sink", "out", "--from", "7")
    assert [json.loads(line)["index"] for line in again.stdout.splitlines()] == [7, 8, 9]
    assert guarita(tmp_path, "ship", "--from", "7").returncode == 2
    assert guarita(tmp_path, "ship", "--sink", "out", "--from", "11").returncode == 2


@pytest.mark.parametrize(
    ("configuration", "arguments", "said"),
    [
        ("ledger: {}\n", (), b"no sinks are named"),
        ("ledger:\n  sinks:\n  - {name: out, type: stdout}\n", ("--sink", "x"), b"one of: out"),
        (
            "ledger:\n  sinks:\n  - {name: s, type: s3, bucket: b, access_key_id: {env: NONE}, secret_access_key: {file: f}}\n",
            (),
            b"the environment variable NONE: holds no secret",
        ),
        (
            "ledger:\n  sinks:\n  - {name: s, type: otlp, url: 'https://x/v1/logs', headers: {a: {file: gone}}}\n",
            (),
            b"gone: cannot be read",
        ),
    ],
)
def test_wrong_calls_are_said_in_a_line(tmp_path, configuration, arguments, said):
    (tmp_path / "guarita.yaml").write_text(configuration)
    grown(tmp_path, 1)
    done = guarita(tmp_path, "ship", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_cursor_of_another_ledger_is_noticed(tmp_path):
    (tmp_path / "guarita.yaml").write_text("ledger:\n  sinks:\n  - {name: out, type: stdout}\n")
    grown(tmp_path, 10)
    guarita(tmp_path, "ship")
    import sqlite3

    with sqlite3.connect(tmp_path / ".guarita" / "ledger.db") as connection:
        connection.execute('UPDATE state SET value = replace(value, \'"hash":"\', \'"hash":"0\')')
    done = guarita(tmp_path, "ship")
    assert done.returncode == 1
    assert b"sink/out stands at entry 10" in done.stderr
    assert b"sink/out stands at entry 10" in guarita(tmp_path, "sinks").stdout
    assert len(guarita(tmp_path, "ship", "--sink", "out", "--from", "0").stdout.splitlines()) == 10
