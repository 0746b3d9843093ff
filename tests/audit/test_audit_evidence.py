"""Evidence: one file that proves itself to a plain Python in an empty folder, and what tampering with it gives."""

import base64
import hashlib
import io
import json
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guarita.audit import LedgerError, Personal, events, open_ledger
from guarita.audit.evidence.build import make
from guarita.audit.evidence.pack import pack, pack_verifier
from guarita.audit.evidence.verifier import notes
from guarita.audit.evidence.verifier.check import Refuted
from guarita.audit.evidence.verifier.container import COMMENT, COMMENT_SIZE, Container, Malformed
from guarita.audit.evidence.verifier.facts import Facts
from guarita.audit.evidence.verifier.main import verify
from guarita.audit.evidence.verifier.report import document, lines
from guarita.audit.notes.checkpoint import TreeHead, read_checkpoint, sign_checkpoint
from guarita.audit.notes.cosignature import CosigningKey
from guarita.audit.notes.ed25519 import SigningKey
from guarita.audit.notes.note import signature_line
from guarita.audit.stores.interface import Checkpoint

GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"
SYSTEM = Path("/usr/bin/python3")
DAY = 86_400_000
T0 = 1_764_000_000_000
DIGESTS = dict.fromkeys(("tree", "policy", "waivers", "scanners", "findings"), "5e" * 32)


def gate(at, result="passed", scan=None):
    scan = scan or f"scan-{at}"
    failing = [events.FailingFinding("ab" * 16, "B602", "high")] if result == "failed" else []
    return events.compliance_finding(
        time=at, scan_uid=scan, result=result, threshold="high", policy_origin="base", digests=DIGESTS,
        by_severity={}, by_decision={}, coverage={}, failing=failing, revision="c0ffee",
    )  # fmt: skip


def scan(at):
    return events.scan_activity(
        time=at, scan_uid=f"scan-{at}", started=at - 5, ended=at, completed=True, files={"scanned": 1}, findings={},
        scanners={}, digests=DIGESTS,
    )  # fmt: skip


def rotation(at, success=True):
    return events.entity_management(
        time=at, entity="kv/db", kind="secret", activity="update", success=success, version="7",
        reason=None if success else "postgres.refused",
    )  # fmt: skip


def denied(at, who="eve"):
    return events.api_activity(
        time=at, operation="DELETE /docs/1", actor=who, allowed=False, reason="policy.deny"
    )


def beat(at, counter, kind="beat", boot="b1"):
    return events.heartbeat(time=at, writer="gateway", boot=boot, counter=counter, period=DAY // 4, beat=kind)


def week(ledger):
    """Seven days of a platform's life, a checkpoint signed each evening."""
    for day in range(7):
        at = T0 + day * DAY
        ledger.append_all(
            [
                beat(at, 4 * day, "beat" if day else "start"),
                scan(at + 1),
                gate(at + 2, "failed" if day == 3 else "passed", f"scan-{at + 1}"),
                beat(at + DAY // 4, 4 * day + 1),
                rotation(at + DAY // 3, success=day != 4),
                beat(at + DAY // 2, 4 * day + 2),
                denied(at + DAY // 2 + 1, Personal("subject-1", "Eva Kanarienvogel")),
                beat(at + DAY * 3 // 4, 4 * day + 3),
            ]
        )
        ledger.checkpoint()
    ledger.append(beat(T0 + 7 * DAY, 28, "stop"))


def evidence(ledger, **period):
    out = io.BytesIO()
    made = make(ledger, out, **{"since": None, "until": None} | period)
    assert made.sha256 == hashlib.sha256(out.getvalue()).hexdigest()
    return out.getvalue()


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    with open_ledger(str(tmp_path_factory.mktemp("log") / "ledger.db"), origin="example.com/log") as ledger:
        week(ledger)
        ledger.checkpoint()
        yield ledger


@pytest.fixture(scope="module")
def whole(log):
    return evidence(log)


@pytest.fixture(scope="module")
def vkey(log):
    return log.signing.chain().keys[0].vkey


def read(data, vkey, witnesses=(), quorum=0):
    known = [notes.parse_key(vkey, notes.ED25519)] if vkey else []
    return verify(data, known, [notes.parse_key(one, notes.COSIGNATURE_V1) for one in witnesses], quorum)


def codes(report):
    return [limit.code for limit in report.limits]


def plain(python, *arguments, folder):
    """Another Python, which knows nothing of us: isolated, without any installed package."""
    return subprocess.run(
        [python, "-I", "-S", *arguments], cwd=folder, env={}, capture_output=True, text=True, check=False
    )


PYTHONS = [sys.executable, *([str(SYSTEM)] if SYSTEM.exists() else [])]


@pytest.mark.parametrize("python", PYTHONS)
def test_it_proves_itself_to_a_plain_python_in_an_empty_folder(python, whole, vkey, tmp_path):
    (tmp_path / "evidence.pyz").write_bytes(whole)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert plain(python, "-c", "import guarita", folder=empty).returncode == 1
    done = plain(python, "../evidence.pyz", "--vkey", vkey, folder=empty)
    assert done.returncode == 0, done.stderr
    assert "HOLDS under the key that you named" in done.stderr
    assert "this program came in the file" in done.stderr
    for said in (
        "Gates: 7",
        "FAILED ",
        "c0ffee",
        "secret kv/db  updated  version 7",
        "Denied: 7",
        "policy.deny",
    ):
        assert said in done.stdout
    assert "Kanarienvogel" not in done.stdout
    assert "(sealed)" in done.stdout
    assert done.stdout.index("WHAT THIS DOES NOT PROVE") > done.stdout.index("Denied: 7")
    assert list(empty.iterdir()) == []
    machine = plain(python, "../evidence.pyz", "--vkey", vkey, "--json", folder=empty)
    assert json.loads(machine.stdout)["holds"] is True


def test_without_a_key_from_elsewhere_the_answer_is_unknown(whole, vkey, tmp_path):
    (tmp_path / "e.pyz").write_bytes(whole)
    done = plain(sys.executable, "e.pyz", folder=tmp_path)
    assert done.returncode == 3
    assert "TAKEN FROM THIS FILE" in done.stdout
    assert "whose log this is" in done.stdout
    assert "UNKNOWN" in done.stderr
    stranger = SigningKey.generate("example.com/log").public.vkey
    assert plain(sys.executable, "e.pyz", "--vkey", stranger, folder=tmp_path).returncode == 1
    other = SigningKey.generate("another.log").public.vkey
    refused = plain(sys.executable, "e.pyz", "--vkey", other, folder=tmp_path)
    assert refused.returncode == 1
    assert "another.log" in refused.stderr
    assert plain(sys.executable, "e.pyz", "--vkey", "nonsense", folder=tmp_path).returncode == 2
    assert plain(sys.executable, "e.pyz", "--vkey", vkey[:-2] + "AA", folder=tmp_path).returncode == 2


def test_a_verifier_from_elsewhere_judges_it_as_well(whole, vkey, tmp_path):
    (tmp_path / "e.pyz").write_bytes(whole)
    with (tmp_path / "verifier.pyz").open("wb") as out:
        digest = pack_verifier(out)
    assert hashlib.sha256((tmp_path / "verifier.pyz").read_bytes()).hexdigest() == digest
    done = plain(sys.executable, "verifier.pyz", "e.pyz", "--vkey", vkey, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "came in the file" not in done.stderr
    assert plain(sys.executable, "verifier.pyz", folder=tmp_path).returncode == 2
    assert plain(sys.executable, "verifier.pyz", "missing", folder=tmp_path).returncode == 2
    assert plain(sys.executable, "verifier.pyz", "verifier.pyz", folder=tmp_path).returncode == 1


def test_what_is_shown_is_what_was_written(log, whole, vkey):
    report = read(whole, vkey)
    found = document(report)
    assert (found["entries"]["start"], found["entries"]["stop"]) == (0, log.size)
    assert [one["result"] for one in found["gates"]] == ["passed"] * 3 + ["failed"] + ["passed"] * 3
    assert [one["done"] for one in found["rotations"]] == [True] * 4 + [False] + [True] * 2
    assert [one["time"] for one in found["rotations"]] == [T0 + day * DAY + DAY // 3 for day in range(7)]
    assert {one["who"] for one in found["denials"]} == {"(sealed)"}
    # The writer stopped at the end of its week, and the file was made later.
    assert set(codes(report)) == {"unwitnessed", "time", "after-last", "uncovered", "sealed", "word"}
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        kept = archive.read("entries.jsonl").splitlines()
    assert kept == [leaf.body for leaf in log.entries()]


def test_equal_contents_are_equal_bytes(log):
    manifest = Container(evidence(log)).manifest
    bodies = [leaf.body for leaf in log.entries()]
    one, two = io.BytesIO(), io.BytesIO()
    assert pack(one, manifest, bodies) == pack(two, manifest, bodies)


@pytest.mark.parametrize(("first", "last"), [(0, 1), (1, 2), (3, 6), (6, 7), (0, 7)])
def test_a_period_holds_all_of_its_entries_and_one_on_either_side(log, vkey, first, last):
    since, until = T0 + first * DAY, T0 + last * DAY
    report = read(evidence(log, since=since, until=until), vkey)
    assert len(report.facts.gates) == last - first
    assert all(since <= one.time < until for one in report.facts.gates + report.facts.changes)
    assert (report.checked.start, report.checked.stop) == (max(0, 8 * first - 1), min(8 * last + 1, log.size))
    expected = {"unwitnessed", "time", "sealed", "word"}
    if first:
        expected.add("heartbeat-begins-before")
    if last == 7:
        expected.add("after-last")
    assert set(codes(report)) == expected


def test_an_empty_period_is_shown_by_its_edges(log, vkey):
    for since, until in ((T0 + 3, T0 + 4), (T0 - DAY, T0), (T0 + 8 * DAY, T0 + 9 * DAY)):
        report = read(evidence(log, since=since, until=until), vkey)
        assert not report.facts.gates
        assert not report.facts.denials
        assert report.checked.stop - report.checked.start <= 2
    report = read(evidence(log, since=T0 + 3, until=T0 + 4), vkey)
    assert not {"before", "after"} & set(codes(report))
    assert report.facts.edges == [T0 + 2, T0 + DAY // 4]


# Tampering: damage first, then forgery by one who knows the format.


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_any_flipped_bit_of_any_byte_is_found(whole, vkey, data):
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = bytearray(whole)
    changed[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Malformed):
        read(bytes(changed), vkey)


@given(st.integers(0, 2**20), st.integers(1, 3000))
@settings(max_examples=100, deadline=None)
def test_any_piece_cut_out_or_put_in_is_found(whole, vkey, at, length):
    at %= len(whole)
    for changed in (
        whole[:at],
        whole[:at] + whole[at + length :],
        whole[:at] + bytes(length) + whole[at:],
        whole + b"x",
    ):
        with pytest.raises(Malformed):
            read(changed, vkey)


def test_a_damaged_file_does_not_pass_by_its_own_program_either(whole, vkey, tmp_path):
    """Every 97th byte, by running the file itself: it fails, whether the program or its data is hit."""
    for at in range(30, len(whole), max(1, len(whole) // 24)):
        changed = bytearray(whole)
        changed[at] ^= 0x10
        (tmp_path / "e.pyz").write_bytes(changed)
        done = plain(sys.executable, "e.pyz", "--vkey", vkey, folder=tmp_path)
        assert done.returncode != 0, at


def sealed(whole, change):
    """The file after `change(manifest, entries)`, with every checksum made right again."""
    container = Container(whole)
    manifest, entries = container.manifest, list(container.entries())
    change(manifest, entries)
    out = io.BytesIO()
    pack(out, manifest, entries)
    return out.getvalue()


def edit(entries, at, old, new):
    assert old in entries[at]
    entries[at] = entries[at].replace(old, new)


def forget_denials(manifest, entries):
    entries[:] = [one for one in entries if b"policy.deny" not in one]
    manifest["stop"] = manifest["start"] + len(entries)


def drop_checkpoints_but_last(manifest, entries):
    manifest["checkpoints"] = manifest["checkpoints"][-1:]
    edit(entries, 26, b'"Fail"', b'"Pass"')


FORGERIES = {
    "a failed gate passes": lambda m, e: edit(e, 26, b'"Fail"', b'"Pass"'),
    "only the last checkpoint is kept": drop_checkpoints_but_last,
    "denials are left out": forget_denials,
    "an entry is left out": lambda m, e: e.pop(9),
    "an entry is left out, and counted": lambda m, e: (e.pop(9), m.update(stop=m["stop"] - 1)),
    "the last entry is left out": lambda m, e: e.pop(),
    "an entry is added": lambda m, e: e.append(e[-1]),
    "two entries change places": lambda m, e: e.__setitem__(slice(4, 6), [e[5], e[4]]),
    "an entry is white space longer": lambda m, e: e.__setitem__(3, e[3][:-1] + b" }"),
    "no entries": lambda m, e: e.clear(),
    "another origin": lambda m, e: m.update(origin="example.com/other"),
    "no checkpoint": lambda m, e: m.update(checkpoints=[]),
    "a checkpoint twice": lambda m, e: m["checkpoints"].append(m["checkpoints"][-1]),
    "checkpoints in disorder": lambda m, e: m["checkpoints"].reverse(),
    "a larger beginning": lambda m, e: m.update(start=1),
    "a smaller end": lambda m, e: m.update(stop=m["stop"] - 1),
    "an end beyond what was signed": lambda m, e: m.update(stop=m["stop"] + 1),
    "invented peaks": lambda m, e: m.update(
        start=1, stop=m["stop"] + 1, peaks=[base64.b64encode(bytes(32)).decode()]
    ),
    "no peaks": lambda m, e: m.pop("peaks"),
    "peaks of another kind": lambda m, e: m.update(peaks=["AA=="]),
    "numbers as texts": lambda m, e: m.update(start="0"),
    "truth as a number": lambda m, e: m.update(start=False),
    "a negative beginning": lambda m, e: m.update(start=-1),
    "no period": lambda m, e: m.update({"from": "yesterday"}),
    "another format": lambda m, e: m.update(format="guarita evidence 2"),
    "checkpoints as texts": lambda m, e: m.update(checkpoints=[one["note"] for one in m["checkpoints"]]),
    "a note without its signatures": lambda m, e: m["checkpoints"][-1].update(note="x\n"),
    "key entries of another kind": lambda m, e: m.update(key_entries=[1]),
    "an invented key entry": lambda m, e: m.update(key_entries=[{"index": 1, "entry": "{}", "proof": []}]),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_forgeries_are_refuted(name, whole, vkey):
    assert sealed(whole, lambda manifest, entries: None)
    forged = sealed(whole, FORGERIES[name])
    with pytest.raises((Refuted, Malformed)):
        read(forged, vkey)


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_any_edited_byte_of_any_entry_or_note_is_refuted(whole, vkey, data):
    def change(manifest, entries):
        if data.draw(st.booleans()):
            at = data.draw(st.integers(0, len(entries) - 1))
            entries[at] = flipped(entries[at])
        else:
            note = data.draw(st.sampled_from(manifest["checkpoints"]))
            note["note"] = flipped(note["note"].encode()).decode(errors="surrogateescape")

    def flipped(raw):
        where = data.draw(st.integers(0, len(raw) - 1))
        changed = bytearray(raw)
        changed[where] ^= 1 << data.draw(st.integers(0, 6))
        return bytes(changed)

    try:
        forged = sealed(whole, change)
    except UnicodeEncodeError:
        return
    with pytest.raises((Refuted, Malformed)):
        read(forged, vkey)


def test_a_log_signed_by_an_impostor_is_refuted(whole, vkey):
    impostor = SigningKey.generate("example.com/log")

    def change(manifest, entries):
        manifest["first_key"] = impostor.public.vkey
        for one in manifest["checkpoints"]:
            head = read_checkpoint(one["note"])
            one["note"] = sign_checkpoint(TreeHead(head.origin, head.size, head.root), [impostor])

    forged = sealed(whole, change)
    with pytest.raises(Refuted, match="not signed by a key"):
        read(forged, vkey)
    # Against its own key it holds together, which is why that is no proof.
    assert "key-from-file" in codes(read(forged, None))


def broken(data, change):
    """The archive with its members changed and its checksum right."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        members = {name: old.read(name) for name in old.namelist()}
        change(members)
        for name, content in members.items():
            new.writestr(name, content)
        new.comment = bytes(COMMENT_SIZE)
    body = out.getvalue()[:-COMMENT_SIZE]
    return body + COMMENT + hashlib.sha256(body).hexdigest().encode()


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.pop("entries.jsonl"),
        lambda m: m.pop("evidence.json"),
        lambda m: m.update({"evidence.json": b"[]"}),
        lambda m: m.update({"evidence.json": b"{" * 100_000}),
        lambda m: m.update({"entries.jsonl": m["entries.jsonl"][:-1]}),
        lambda m: m.update({"entries.jsonl": b"base64:!\n" + m["entries.jsonl"]}),
        lambda m: m.update({"entries.jsonl": b"x" * 10**7}),
        lambda m: m.clear(),
    ],
)
def test_archives_that_are_no_evidence_are_refused_in_a_line(whole, vkey, change):
    with pytest.raises((Malformed, Refuted)):
        read(broken(whole, change), vkey)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_a_line(data):
    for body in (data, data + COMMENT + hashlib.sha256(data).hexdigest().encode()):
        with pytest.raises(Malformed):
            read(body, None)


# What cannot be proved.


def ledger_of(folder, happened, **more):
    ledger = open_ledger(str(folder / "l.db"), origin="example.com/small", **more)
    ledger.append_all(happened)
    ledger.checkpoint()
    return ledger


def report_of(ledger, **period):
    return read(evidence(ledger, **period), ledger.signing.chain().keys[0].vkey)


def test_gaps_in_heartbeats_are_listed(tmp_path):
    happened = [
        beat(T0, 0, "start"),
        beat(T0 + DAY // 4, 1),
        beat(T0 + DAY * 3 // 4, 3),
        beat(T0 + 2 * DAY, 4),
        beat(T0 + 3 * DAY, 0, "start", boot="b2"),
        beat(T0 + 3 * DAY + DAY // 4, 1, "stop", boot="b2"),
    ]
    with ledger_of(tmp_path, happened) as ledger:
        report = report_of(ledger, until=T0 + 4 * DAY)
        found = codes(report)
        assert found.count("heartbeat-missing") == 1
        assert found.count("heartbeat-silent") == 1
        assert found.count("heartbeat-no-stop") == 1
        bare = [(one.since, one.until) for one in report.limits if one.code == "uncovered"]
        assert bare == [
            (T0 + DAY // 4, T0 + DAY * 3 // 4),
            (T0 + DAY, T0 + 2 * DAY),
            (T0 + 2 * DAY + DAY // 4, T0 + 3 * DAY),
            (T0 + 3 * DAY + DAY // 4, T0 + 4 * DAY),
        ]
        assert any("that anybody was recording" in line for line in lines(report))


def test_no_heartbeats_no_verdict_and_strange_entries_are_listed(tmp_path):
    with ledger_of(tmp_path, [scan(T0 + 1), gate(T0 + 2, "unknown"), denied(T0)]) as ledger:
        report = report_of(ledger)
        assert {"heartbeats", "no-verdict", "order", "after-last"} <= set(codes(report))
        assert [one.result for one in report.facts.gates] == ["unknown"]


def test_what_no_checkpoint_covers_is_left_out_and_listed(tmp_path):
    with ledger_of(tmp_path, [denied(T0)]) as ledger:
        ledger.append(denied(T0 + 1))
        report = report_of(ledger)
        assert len(report.facts.denials) == 1
        assert "unsigned" in codes(report)
        ledger.checkpoint()
        assert "unsigned" not in codes(report_of(ledger))


def test_a_log_without_a_checkpoint_gives_no_evidence(tmp_path):
    with open_ledger(str(tmp_path / "l.db"), key="none") as ledger:
        ledger.append(denied(T0))
        with pytest.raises(LedgerError) as caught:
            evidence(ledger)
        assert caught.value.code == "audit.nothing-signed"


def test_erased_values_are_told_from_sealed_ones(tmp_path):
    happened = [
        denied(T0, Personal("s1", "Eva")),
        denied(T0 + 1, Personal("s1", "Eva")),
        denied(T0 + 2, Personal("s2", "Bob")),
    ]
    with ledger_of(tmp_path, happened) as ledger:
        (done,) = ledger.erase("s1")
        ledger.checkpoint()
        report = report_of(ledger)
        assert list(report.facts.erased) == [done.key_id]
        texts = {one.code: one.text for one in report.limits}
        assert "2 values were" in texts["erased"]
        assert "1 values are" in texts["sealed"]


def test_archived_entries_are_listed_and_the_rest_still_holds(log, tmp_path):
    with ledger_of(tmp_path, [denied(T0 + at) for at in range(40)]) as ledger:
        ledger.append_all([gate(T0 + 100 + at) for at in range(5)])
        ledger.checkpoint()
        ledger.store.prune(17)
        report = report_of(ledger)
        assert report.checked.start == 17
        assert {"pruned", "before"} <= set(codes(report))
        assert len(report.facts.gates) == 5
        later = report_of(ledger, since=T0 + 30)
        assert "before" not in codes(later)


def test_witnesses_that_the_reader_names_attest_times(tmp_path):
    keys = [SigningKey.generate(f"w{number}") for number in range(3)]
    with ledger_of(tmp_path, [denied(T0 + at) for at in range(9)]) as ledger:
        signed = ledger.checkpoint()
        text = TreeHead(signed.origin, signed.size, signed.root).text()
        cosigned = [CosigningKey(key, lambda at=at: 1_764_000_100 + at) for at, key in enumerate(keys)]
        note = signed.note + "".join(signature_line(one, text) for one in cosigned)
        ledger.store.save_checkpoint(Checkpoint(signed.size, note))
        ledger.append(denied(T0 + 99))
        ledger.checkpoint()
        data, vkey = evidence(ledger), ledger.signing.chain().keys[0].vkey
    vkeys = [one.public.vkey for one in cosigned]
    bare = read(data, vkey)
    assert not bare.attested
    assert bare.checked.checkpoints[0].strangers == ["w0", "w1", "w2"]
    for quorum, by, not_before in ((1, 100, 102), (2, 101, 101), (3, 102, 100)):
        report = read(data, vkey, vkeys, quorum)
        (one,) = report.attested
        assert (one.size, one.by, one.not_before) == (9, 1_764_000_000 + by, 1_764_000_000 + not_before)
        assert "unwitnessed" in codes(report)
        assert any("1 of 2 checkpoints" in limit.text for limit in report.limits)
    assert not read(data, vkey, vkeys[:1], 2).attested
    # One witness under two names, or twice below the note, is one.
    twice = signature_line(
        CosigningKey(SigningKey("alias", keys[0]._key.private_bytes_raw()), lambda: 5), text
    )
    again = note + twice + signature_line(cosigned[0], text)
    doubled = sealed(data, lambda m, e: m["checkpoints"][0].update(note=again))
    alias = CosigningKey(SigningKey("alias", keys[0]._key.private_bytes_raw())).public.vkey
    assert not read(doubled, vkey, [vkeys[0], alias], 2).attested
    assert read(doubled, vkey, [vkeys[0], alias], 1).attested
    forged = sealed(
        data, lambda m, e: m["checkpoints"][0].update(note=note[:-20] + note[-20:].replace("A", "B"))
    )
    if "A" in note[-20:]:
        with pytest.raises((Refuted, Malformed)):
            read(forged, vkey, vkeys, 3)


def test_keys_that_followed_on_the_record_are_believed_and_others_are_not(tmp_path):
    with ledger_of(tmp_path, [denied(T0 + at) for at in range(5)]) as ledger:
        first = ledger.signing.chain().keys[0].vkey
        second = ledger.rotate_key().vkey
        ledger.append(denied(T0 + 10))
        ledger.retire_keys()
        ledger.append(denied(T0 + 11))
        ledger.checkpoint()
        data = evidence(ledger)
    report = read(data, first)
    assert report.checked.keys == [first, second]
    assert report.checked.checkpoints[-1].signed_by == [second]
    assert [one.activity for one in report.facts.own_changes] == ["created", "disabled"]
    with pytest.raises(Refuted):
        read(sealed(data, lambda m, e: m.update(key_entries=[])), first)
    with pytest.raises(Refuted):
        read(data, second)
    both = verify(data, [notes.parse_key(one, notes.ED25519) for one in (first, second)], [], 0)
    assert both.checked.anchored


def test_entries_that_are_not_one_line_of_json_come_back_as_they_were(tmp_path):
    strange = [b"", b"base64:", b"a\nb", b"{\n}", bytes(range(256)), b'{"a":1}']
    out = io.BytesIO()
    pack(out, {"format": "guarita evidence 1"}, strange)
    assert list(Container(out.getvalue()).entries()) == strange


def test_control_characters_of_events_do_not_reach_the_terminal(tmp_path):
    event = events.api_activity(time=10**18, operation="\x1b[31m\r\nfake", actor="\x07", allowed=False)
    with ledger_of(tmp_path, [event]) as ledger:
        shown = "".join(lines(report_of(ledger)))
    assert "fake" in shown
    assert shown.isprintable()


def test_what_an_application_says_of_erasures_and_archives_is_its_own_word(tmp_path):
    forged = [
        events.entity_management(
            time=T0 + at, entity="ab" * 16, kind=kind, activity="delete", success=True, uid=f"u{at}"
        )
        for at, kind in enumerate(("subject key", "audit-log", "ledger-signing-key"))
    ]
    with ledger_of(tmp_path, forged) as ledger:
        report = report_of(ledger)
    assert report.facts.erased == {}
    assert report.facts.own_changes == []
    assert len(report.facts.changes) == 3


@given(st.sampled_from([2**53, 2**63, 10**400, -1, -(10**400)]))
@settings(deadline=None)
def test_numbers_that_no_clock_shows_break_nothing(whole, vkey, number):
    strange = {"class_uid": 6002, "time": number, "unmapped": {"guarita": {"heartbeat": {
        "writer": "w", "boot": "b", "counter": number, "period": number, "beat": "beat"}}}}  # fmt: skip
    facts = Facts(None, None)
    for at, event in enumerate(
        (strange, {**strange, "time": 5}, {"time": number}, {"time": True}, {"time": 1.5})
    ):
        facts.add(at, json.dumps(event).encode())
    assert facts.timeless == [0, 2, 3, 4]
    assert facts.strange[:2] == [0, 1]
    assert not facts.beats
    for name in ("from", "to"):
        with pytest.raises(Malformed):
            read(sealed(whole, lambda m, e, name=name: m.update({name: number})), vkey)
    report = read(sealed(whole, lambda m, e: m.update(made=number, log_size=number, archived=number)), vkey)
    assert list(lines(report))


def test_the_command_writes_a_file_that_verifies(log, vkey, tmp_path):
    url = str(log.store.path)

    def run(*arguments):
        return subprocess.run(
            [GUARITA, "audit", "evidence", "--ledger", url, *arguments],
            cwd=tmp_path, env={"PATH": "/usr/bin:/bin", "COLUMNS": "200"}, capture_output=True, text=True, check=False,
        )  # fmt: skip

    done = run("--from", "2025-11-25", "--to", "2025-11-27T00:00:00Z", "-o", "e.pyz", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)["evidence"]
    assert answer["file_sha256"] == hashlib.sha256((tmp_path / "e.pyz").read_bytes()).hexdigest()
    assert len(answer["gates"]) == 2
    assert answer["not_proved"]
    assert plain(sys.executable, "e.pyz", "--vkey", vkey, folder=tmp_path).returncode == 0
    shown = run("--as-is", "-o", "f.pyz")
    assert shown.returncode == 0
    assert "7 gates, 7 rotations, 7 denials" in shown.stdout
    assert vkey in shown.stdout
    alone = run("--verifier", "v.pyz")
    assert alone.returncode == 0
    assert plain(sys.executable, "v.pyz", "f.pyz", "--vkey", vkey, folder=tmp_path).returncode == 0
    assert run("-o", "missing/folder/e.pyz").returncode == 3
    assert run("--from", "2026-01-02", "--to", "2026-01-01").returncode == 2
    assert {path.name for path in tmp_path.iterdir()} == {"e.pyz", "f.pyz", "v.pyz"}


def test_every_kind_of_store_gives_evidence(place):
    with place.open(origin="example.com/log") as ledger:
        ledger.append(gate(T0, "failed"))
        ledger.append_all([denied(T0 + at, Personal("s", "Eva")) for at in range(300)])
        ledger.rotate_key()
        ledger.retire_keys()
        ledger.append(rotation(T0 + 400))
        ledger.checkpoint()
        report = report_of(ledger, since=T0 + 100)
        assert len(report.facts.denials) == 200
        assert len(report.facts.changes) == 1
        assert len(report.checked.keys) == 2


def test_the_documentation_lists_every_limit():
    root = Path(__file__).parents[2]
    said = (root / "docs" / "audit-evidence.md").read_text()
    table = said[said.index("| Code |") :]
    code = (root / "security" / "guarita" / "audit" / "evidence" / "verifier" / "limits.py").read_text()
    found = set(re.findall(r'Limit\(\s*"([a-z-]+)"', code))
    assert len(found) > 12
    assert found == set(
        re.findall(r"`([a-z-]+)`", "".join(re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE)))
    )
