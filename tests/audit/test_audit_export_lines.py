"""Export as JSON lines and as OCSF: whole, added to, continued after a crash, by the real command."""

import base64
import hashlib
import json
import random
import signal
import subprocess
import sysconfig
import time
from pathlib import Path

import jsonschema
import pytest

from guarita.audit import events, open_ledger
from guarita.audit.stores.interface import Draft

GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"
SCHEMAS = json.loads((Path(__file__).parent.parent / "data" / "ocsf" / "ocsf-1.8.0.json").read_text())


def grown(path, count, origin="example.com/log"):
    with open_ledger(str(path), origin=origin) as ledger:
        ledger.append_all(
            events.api_activity(
                time=1_764_000_000_000 + n, operation=f"linha\n{n} ção", actor="a", uid=f"{origin}{n}"
            )
            for n in range(ledger.size, count)
        )
    return path


def export(*outputs, ledger, env=None):
    options = [part for output in outputs for part in ("--output", output)]
    return subprocess.run(
        [GUARITA, "audit", "export", "--ledger", ledger, *options],
        env={"PATH": "/usr/bin:/bin", **(env or {})},
        capture_output=True,
        check=False,
    )


def lines(path):
    text = path.read_bytes()
    assert not text or text.endswith(b"\n")
    return [json.loads(line) for line in text.splitlines()]


def raw_event(line):
    """The event's bytes as they stand in the line."""
    return line.partition(b'"event":')[2].removesuffix(b"}\n")


def test_a_json_line_holds_the_exact_bytes_that_were_hashed(tmp_path):
    ledger = grown(tmp_path / "l.db", 50)
    done = export(f"jsonl={tmp_path / 'out.jsonl'}", ledger=ledger)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "out.jsonl").open("rb") as file:
        for index, line in enumerate(file):
            seen = json.loads(line)
            assert seen["index"] == index
            assert hashlib.sha256(b"\0" + raw_event(line)).hexdigest() == seen["leaf_hash"]
    assert index == 49
    assert export("jsonl", ledger=ledger).stdout == (tmp_path / "out.jsonl").read_bytes()


def test_ocsf_lines_satisfy_the_schema_and_say_their_place_in_the_log(tmp_path):
    ledger = grown(tmp_path / "l.db", 3)
    assert export(f"ocsf={tmp_path / 'o.jsonl'}", ledger=ledger).returncode == 0
    for index, event in enumerate(lines(tmp_path / "o.jsonl")):
        jsonschema.Draft202012Validator({**SCHEMAS["classes"]["6003"], "$defs": SCHEMAS["$defs"]}).validate(
            event
        )
        assert event["metadata"]["sequence"] == index
        assert event["metadata"]["log_name"] == "example.com/log"
        assert event["api"]["operation"] == f"linha\n{index} ção"


@pytest.mark.parametrize("form", ["jsonl", "ocsf"])
def test_a_second_export_adds_and_a_torn_end_is_mended(tmp_path, form):
    ledger, file = grown(tmp_path / "l.db", 20), tmp_path / "out" / "o.jsonl"
    assert export(f"{form}={file}", ledger=ledger).returncode == 0
    whole = file.read_bytes()
    inode = file.stat().st_ino
    grown(ledger, 30)
    file.write_bytes(whole[:-15])  # as if the disk had filled in the middle of a line
    assert export(f"{form}={file}", ledger=ledger).returncode == 0
    assert file.read_bytes() == export(form, ledger=ledger).stdout
    assert len(lines(file)) == 30
    assert file.stat().st_ino == inode
    assert export(f"{form}={file}", ledger=ledger).returncode == 0
    assert len(lines(file)) == 30
    assert list(file.parent.glob(".*")) == []


@pytest.mark.parametrize("form", ["jsonl", "ocsf"])
def test_a_file_of_something_else_is_left_alone(tmp_path, form):
    ledger, other = grown(tmp_path / "l.db", 20), grown(tmp_path / "x.db", 25, "example.com/x")
    for name, content in (("notes.txt", b"my notes\n"), ("other", export(form, ledger=other).stdout)):
        (tmp_path / name).write_bytes(content)
        done = export(f"{form}={tmp_path / name}", ledger=ledger)
        assert done.returncode == 1
        assert b"not an entry of this ledger" in done.stderr
        assert (tmp_path / name).read_bytes() == content


def test_bytes_that_are_no_event_lose_nothing_as_json_lines_and_are_named_for_ocsf(tmp_path):
    ledger = grown(tmp_path / "l.db", 2)
    odd = [b"\xff\x00", b'{"a":\n1}', b"[1]", b'{"a":1}', b""]
    with open_ledger(str(ledger)) as opened:
        opened.store.append([Draft(body) for body in odd])
    assert export(f"jsonl={tmp_path / 'o'}", ledger=ledger).returncode == 0
    seen = lines(tmp_path / "o")[2:]
    back = [
        base64.b64decode(one["base64"])
        if one["event"] is None
        else json.dumps(one["event"], separators=(",", ":")).encode()
        for one in seen
    ]
    assert back == odd
    done = export("ocsf", ledger=ledger)
    assert done.returncode == 3
    assert b"entry 2 is not an OCSF event" in done.stderr


def test_an_export_killed_at_any_moment_goes_on(tmp_path):
    ledger, file, rng = grown(tmp_path / "l.db", 40_000), tmp_path / "o.jsonl", random.Random(5)
    call = [GUARITA, "audit", "export", "--ledger", ledger, "-o", f"jsonl={file}", "--quiet"]
    part, killed = tmp_path / ".o.jsonl.part", 0
    for _ in range(8):
        process = subprocess.Popen(call)
        wanted = (part.stat().st_size if part.exists() else 0) + rng.randrange(1_500_000)
        while process.poll() is None and not (part.exists() and part.stat().st_size > wanted):
            time.sleep(0.001)
        killed += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        if file.exists():
            assert len(lines(file)) == 40_000  # under its name it is whole
    assert killed
    subprocess.run(call, check=True)
    assert [one["index"] for one in lines(file)] == list(range(40_000))


@pytest.mark.parametrize(
    ("output", "said"),
    [("yaml", b"none of the formats"), ("tiles", b"needs a place"), ("jsonl=", b"needs a place")],
)
def test_wrong_outputs_are_said_in_a_line(tmp_path, output, said):
    done = export(output, ledger=grown(tmp_path / "l.db", 1))
    assert done.returncode == 2
    assert said in done.stderr
    assert b"Traceback" not in done.stderr
