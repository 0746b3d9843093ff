"""Witnesses: real servers that are killed, hang and lie; forks and rollbacks that none of them cosigns."""

import base64
import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sysconfig
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guarita.audit import events, open_ledger
from guarita.audit.merkle.nodes import Nodes
from guarita.audit.merkle.proofs import consistency_proof
from guarita.audit.notes.checkpoint import TreeHead, read_checkpoint, sign_checkpoint
from guarita.audit.notes.cosignature import CosigningKey, WitnessKey, cosignatures
from guarita.audit.notes.ed25519 import SigningKey
from guarita.audit.notes.note import parse_note, with_signatures
from guarita.audit.witness.client import WitnessAddress
from guarita.audit.witness.collect import collect
from guarita.audit.witness.protocol import MAX_REQUEST, encode_request, parse_request, parse_size
from guarita.audit.witness.server import WitnessServer
from guarita.audit.witness.state import State
from guarita.audit.witness.witness import Witness
from guarita.errors import UsageError

pytestmark = pytest.mark.servers
GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "COLUMNS": "200"}
ORIGIN = "example.com/log"


def grow(ledger, count=3, what="x"):
    for number in range(count):
        ledger.append(events.api_activity(time=number, operation=what, actor="a"))


@pytest.fixture
def url(tmp_path):
    url = str(tmp_path / "log" / "ledger.db")
    with open_ledger(url, origin=ORIGIN) as ledger:
        grow(ledger)
    return url


def log_key(url):
    with open_ledger(url, read_only=True) as ledger:
        return ledger.signing.chain().keys[0].vkey


class Served:
    """`guarita audit witness serve` in a process of its own."""

    def __init__(self, folder, log, name="w1"):
        self.folder = folder
        self.arguments = ["--state", folder / f"{name}.db", "--key", folder / f"{name}.key"]
        self.more = ["--log", log, "--name", name, "--listen", "127.0.0.1:0", "--json"]
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [GUARITA, "audit", "witness", "serve", *self.arguments, *self.more],
            stdout=subprocess.PIPE,
            env=ENVIRONMENT,
        )
        said = json.loads(self.process.stdout.readline())["witness"]
        self.port = said["port"]
        self.address = WitnessAddress(f"http://127.0.0.1:{said['port']}", WitnessKey.parse(said["vkey"]))

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        code = self.process.wait()
        self.process.stdout.close()
        return code

    def post(self, body, path="/add-checkpoint", method="POST", headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers.get("Content-Type"), answer.read()


@pytest.fixture
def served(tmp_path, url):
    running = []

    def serve(name="w1", folder=tmp_path):
        running.append(Served(folder, log_key(url), name))
        return running[-1]

    yield serve
    for one in running:
        one.process.kill()
        one.process.wait()
        one.process.stdout.close()


def submission(ledger, old, note=None):
    signed = ledger.checkpoint()
    nodes = Nodes(ledger.store.hashes)
    proof = consistency_proof(nodes, old, signed.size) if 0 < old < signed.size else []
    return encode_request(old, proof, note or signed.note)


def test_the_example_of_the_specification():
    """The cosigned checkpoint that c2sp.org/tlog-cosignature shows: key ID and time lie in its line."""
    line = "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
    log = "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    note = (
        f"example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n{log}{line}"
    )
    found = parse_note(note).signatures[1]
    assert (found.name, len(found.signature)) == ("witness.example.com/w1", 72)
    assert int.from_bytes(found.signature[:8], "big") == 1679315147
    assert read_checkpoint(note).size == 20852163


@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**40), st.integers(0, 575))
def test_cosignatures_hold_for_their_text_and_time_alone(seed, at, bit):
    key = CosigningKey(SigningKey("w", seed), lambda: at)
    text = TreeHead("log", 7, bytes(32)).text().encode()
    signature = key.sign(text)
    assert key.public.verify(text, signature)
    assert WitnessKey.parse(key.public.vkey) == key.public
    assert int.from_bytes(signature[:8], "big") == at
    flipped = bytearray(signature)
    flipped[bit // 8] ^= 1 << bit % 8
    assert not key.public.verify(text, bytes(flipped))
    assert not key.public.verify(text + b"x\n", signature)
    assert not key.public.verify(text, signature[8:])
    with pytest.raises(UsageError):
        WitnessKey.parse(SigningKey("w", seed).public.vkey)


def test_a_witness_cosigns_what_grows_and_remembers_it_beyond_its_death(url, served):
    witness = served()
    with open_ledger(url) as ledger:
        first = collect(ledger, [witness.address], quorum=1)
        assert first.reached
        assert [one.witness for one in cosignatures(first.note, [witness.address.key])] == [
            witness.address.key
        ]
        assert ledger.checkpoints()[-1].note == first.note
        again = collect(ledger, [witness.address], quorum=1)
        assert again.reached
        assert again.size == first.size
        grow(ledger, 40)
        witness.kill()
        assert [one.outcome for one in collect(ledger, [witness.address], quorum=1).replies] == [
            "unreachable"
        ]
        witness.start()
        status, kind, body = witness.post(submission(ledger, 0))
        assert (status, kind, body) == (409, "text/x.tlog.size", b"%d\n" % first.size)
        second = collect(ledger, [witness.address], quorum=1)
        assert second.reached
        assert second.size > first.size
        assert ledger.verify().size == second.size
    assert witness.kill(signal.SIGTERM) == 0


def test_killed_between_state_and_answer_the_next_try_is_cosigned(url, tmp_path):
    key = SigningKey.generate("w")
    with open_ledger(url) as ledger:
        log = ledger.signing.chain().keys[0]
        state = State(tmp_path / "s.db", CosigningKey(key).public, create=True)
        assert Witness(key, [log], state).add_checkpoint(submission(ledger, 0)).status == 200
        # That answer is lost, and the witness with it.
        state.close()
        state = State(tmp_path / "s.db", CosigningKey(key).public, create=False)
        witness = Witness(key, [log], state)
        lost = witness.add_checkpoint(submission(ledger, 0))
        assert (lost.status, lost.body) == (409, f"{ledger.size}\n")
        assert witness.add_checkpoint(submission(ledger, ledger.size)).status == 200
        state.close()


def fork(url, tmp_path, name="fork"):
    """The same log, with the same key, as somebody else is shown it."""
    shutil.copytree(Path(url).parent, tmp_path / name)
    return str(tmp_path / name / "ledger.db")


def test_a_split_view_is_cosigned_on_one_side_only(url, served, tmp_path):
    witness = served()
    other = fork(url, tmp_path)
    with open_ledger(url) as one, open_ledger(other) as two:
        grow(one, 5, "what the auditor is shown")
        grow(two, 5, "what everybody else is shown")
        assert collect(one, [witness.address], quorum=1).reached
        refused = collect(two, [witness.address], quorum=1)
        assert not refused.reached
        assert refused.contradicted
        assert [reply.outcome for reply in refused.replies] == ["conflict"]
        assert cosignatures(refused.note, [witness.address.key]) == []
        # The same size, then a larger one: neither passes, with any old size.
        assert witness.post(submission(two, two.size))[0] == 409
        grow(two, 9)
        assert collect(two, [witness.address], quorum=1).contradicted
        for old in range(two.size + 1):
            assert witness.post(submission(two, old))[0] in {409, 422}
        grow(one)
        assert collect(one, [witness.address], quorum=1).reached
    done = subprocess.run(
        [GUARITA, "audit", "witness", "conflicts", *witness.arguments, "--json"],
        capture_output=True, text=True, env=ENVIRONMENT, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    notes = [one["note"] for one in json.loads(done.stdout)["conflicts"]]
    assert {read_checkpoint(note).origin for note in notes} == {ORIGIN}


def test_a_log_that_was_rolled_back_is_told_so(url, served, tmp_path):
    witness = served()
    before = fork(url, tmp_path, "before")
    with open_ledger(url) as ledger:
        grow(ledger, 20)
        assert collect(ledger, [witness.address], quorum=1).reached
        size = ledger.size
    with open_ledger(before) as ledger:
        told = collect(ledger, [witness.address], quorum=1)
        assert [reply.outcome for reply in told.replies] == ["ahead"]
        assert str(size) in told.replies[0].text
        assert told.contradicted


def replaced(body, old, new, count=1):
    assert old in body
    return body.replace(old, new, count)


def test_each_refusal_has_the_status_of_the_specification(url, served):
    witness = served()
    with open_ledger(url) as ledger:
        good = submission(ledger, 0)
        signed = ledger.checkpoint()
        size = ledger.size
        stranger = sign_checkpoint(TreeHead("else.where", 3, bytes(32)), [SigningKey.generate("else.where")])
        impostor = sign_checkpoint(TreeHead(ORIGIN, 3, bytes(32)), [SigningKey.generate(ORIGIN)])
        altered = replaced(good, base64.b64encode(signed.root), base64.b64encode(bytes(32)))
        assert witness.post(encode_request(0, [], stranger))[0] == 404
        assert witness.post(encode_request(0, [], impostor))[0] == 403
        assert witness.post(altered)[0] == 403
        assert witness.post(replaced(good, b"old 0", b"old %d" % (size + 1)))[0] == 400
        assert witness.post(replaced(good, b"old 0", b"old 1"))[::2] == (409, b"0\n")
        assert (
            witness.post(replaced(good, b"old 0\n", b"old 0\n" + base64.b64encode(bytes(32)) + b"\n"))[0]
            == 422
        )
        for bad in (
            b"",
            b"old 0\n",
            good[5:],
            replaced(good, b"old 0", b"old 00"),
            replaced(good, b"old 0", b"old -1"),
            replaced(good, b"old 0", b"old"),
            replaced(good, b"old 0", b"old 0 "),
            replaced(good, b"old 0\n", b"old 0\n!!!\n"),
            replaced(good, b"old 0\n", b"old 0\nAAAA\n"),
            replaced(good, b"old 0\n", b"old 0\n" + (base64.b64encode(bytes(32)) + b"\n") * 64),
            good[:-1],
            good + b"\xff\n",
            b"old 0\n\nnot a checkpoint\n\n" + good.rpartition(b"\n\n")[2],
        ):
            assert witness.post(bad)[0] == 400, bad
        assert witness.post(good)[0] == 200
        assert witness.post(good)[::2] == (409, b"%d\n" % size)
        assert witness.post(submission(ledger, size))[0] == 200
        grow(ledger)
        wrong = submission(ledger, size)
        line = wrong.split(b"\n")[1]
        assert witness.post(replaced(wrong, line, base64.b64encode(os.urandom(32))))[0] == 422
        assert witness.post(replaced(wrong, line + b"\n", b""))[0] == 422
        assert witness.post(wrong)[0] == 200


def test_requests_that_are_no_requests_do_no_harm(url, served):
    witness = served()
    assert witness.post(None, method="GET")[0] == 501
    assert witness.post(b"x", path="/elsewhere")[0] == 404
    assert witness.post(b"x" * (MAX_REQUEST + 1))[0] == 413
    assert witness.post(iter([b"x"]))[0] == 411
    assert witness.post(b"", headers={"Content-Length": "99999999999999999999"})[0] == 413
    silent = [socket.create_connection(("127.0.0.1", witness.port)) for _ in range(20)]
    for one in silent[:10]:
        one.sendall(b"POST /add-checkpoint HTTP/1.1\r\nContent-Le")
    with open_ledger(url) as ledger:
        assert collect(ledger, [witness.address], quorum=1).reached
    for one in silent:
        one.close()


class Liar:
    """A peer that answers as it is told."""

    def __init__(self, answer):
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        self.key = CosigningKey(SigningKey.generate("liar")).public
        self.address = WitnessAddress(f"http://127.0.0.1:{self.listener.getsockname()[1]}", self.key)

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.recv(65536)
                    self.answer(connection, self.ended)

    def close(self):
        self.ended.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


def http_answer(status, body, kind="text/plain"):
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    return lambda connection, ended: connection.sendall(head + body)


def hang(connection, ended):
    ended.wait()


def trickle(connection, ended):
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while not ended.wait(0.05):
        connection.sendall(b"x")


def flood(connection, ended):
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not ended.is_set():
        connection.sendall("— liar AAAA\n".encode() * 4096)


LINE = "— liar AAAAAAAAAAA=\n".encode()
LIES = {
    "hang": (hang, "late"),
    "trickle": (trickle, "late"),
    "flood": (flood, "invalid"),
    "garbage": (lambda connection, ended: connection.sendall(b"\0" * 100), "unreachable"),
    "closes": (lambda connection, ended: None, "unreachable"),
    "not a cosignature": (http_answer(200, b"ok\n"), "invalid"),
    "not its key": (http_answer(200, LINE), "invalid"),
    "not text": (http_answer(200, b"\xff\xfe"), "invalid"),
    "another note": (http_answer(200, b"\n\nold\n"), "invalid"),
    "empty": (http_answer(200, b""), "invalid"),
    "size never settles": (http_answer(409, b"0\n", "text/x.tlog.size"), "invalid"),
    "size is none": (http_answer(409, b"-1\n", "text/x.tlog.size"), "invalid"),
    "size beyond": (http_answer(409, b"999999\n", "text/x.tlog.size"), "ahead"),
    "conflict": (http_answer(409, b"no"), "conflict"),
    "unproved": (http_answer(422, b"no"), "conflict"),
    "unknown": (http_answer(404, b"no"), "refused"),
    "moved": (http_answer(301, b"", "x\r\nLocation: http://127.0.0.1:1/"), "refused"),
    "error": (http_answer(500, b"kanarienvogel"), "refused"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_lying_witness_changes_nothing_and_the_honest_ones_count(name, url, served):
    answer, outcome = LIES[name]
    honest = served()
    liar = Liar(answer)
    try:
        with open_ledger(url) as ledger:
            before = ledger.checkpoint().note
            found = collect(ledger, [liar.address, honest.address], quorum=1, timeout=10)
            assert [reply.outcome for reply in found.replies] == [outcome, "cosigned"]
            assert found.reached
            assert found.note.startswith(before)
            assert cosignatures(found.note, [liar.key]) == []
            assert "liar" not in found.note
            assert "kanarienvogel" not in repr(found)
            assert ledger.checkpoints()[-1].note == found.note
    finally:
        liar.close()


def test_a_cosignature_from_the_future_is_not_taken(url):
    key = SigningKey.generate("liar")

    def answer(connection, ended):
        text = parse_note(note).text
        signer = CosigningKey(key, lambda: 2**40)
        signature = base64.b64encode(signer.key_id + signer.sign(text.encode())).decode()
        http_answer(200, f"— liar {signature}\n".encode())(connection, ended)

    liar = Liar(answer)
    try:
        with open_ledger(url) as ledger:
            note = ledger.checkpoint().note
            address = WitnessAddress(liar.address.url, CosigningKey(key).public)
            assert [one.outcome for one in collect(ledger, [address], quorum=1).replies] == ["invalid"]
    finally:
        liar.close()


def test_the_command_collects_a_quorum_of_those_in_the_configuration(url, served, tmp_path):
    folder = Path(url).parent
    witnesses = [served(name) for name in ("w1", "w2")]
    dead = CosigningKey(SigningKey.generate("w3")).public
    lines = [f"  - {{url: '{one.address.url}', vkey: '{one.address.key.vkey}'}}" for one in witnesses]
    lines.append(f"  - {{url: 'http://127.0.0.1:1', vkey: '{dead.vkey}'}}")
    (folder / "guarita.yaml").write_text(
        "\n".join(["ledger:", "  url: ledger.db", "  witnesses:", *lines]) + "\n"
    )

    def run(*arguments):
        done = subprocess.run(
            [GUARITA, "audit", "witness", "collect", *arguments],
            cwd=folder, capture_output=True, text=True, env=ENVIRONMENT, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        return done

    done = run("--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["cosigned"], answer["quorum"], answer["reached"]) == (2, 2, True)
    assert len(cosignatures(answer["checkpoint"]["note"], [one.address.key for one in witnesses])) == 2
    assert run("--quorum", "3").returncode == 3
    assert run("--quorum", "4").returncode == 2
    one = f"{witnesses[0].address.url}={witnesses[0].address.key.vkey}"
    shown = run("--witness", one)
    assert shown.returncode == 0
    assert "w1: cosigned" in shown.stdout
    assert run("--witness", "nonsense").returncode == 2
    assert run("--witness", "ftp://x=y").returncode == 2
    with open_ledger(fork(url, tmp_path)) as ledger:
        grow(ledger, 2, "elsewhere")
        collect(ledger, [witnesses[0].address], quorum=1)
    with open_ledger(url) as ledger:
        grow(ledger, 2, "here")
    assert run("--quorum", "1").returncode == 1


def test_a_witness_that_lost_its_memory_does_not_go_on(url, served, tmp_path):
    witness = served()
    with open_ledger(url) as ledger:
        assert collect(ledger, [witness.address], quorum=1).reached
    witness.kill()
    for path in tmp_path.glob("w1.db*"):
        path.unlink()

    def serve(*more):
        return subprocess.run(
            [GUARITA, "audit", "witness", "serve", *witness.arguments, "--log", log_key(url), *more],
            capture_output=True, text=True, env=ENVIRONMENT, check=False, timeout=60,
        )  # fmt: skip

    done = serve()
    assert done.returncode == 2
    assert "must not go on" in done.stderr
    assert serve("--listen", "nonsense", "--new-state").returncode == 2
    other = SigningKey.generate("w1")
    (tmp_path / "w1.key").write_text(other.encode() + "\n")
    done = serve()
    assert done.returncode == 2
    assert "another witness" in done.stderr


def test_a_state_that_was_removed_while_it_runs_is_noticed(url, served, tmp_path):
    witness = served()
    with open_ledger(url) as ledger:
        assert collect(ledger, [witness.address], quorum=1).reached
        (tmp_path / "w1.db").unlink()
        grow(ledger)
        found = collect(ledger, [witness.address], quorum=1)
        assert [reply.text for reply in found.replies] == ["HTTP 503"]


def hand_in(witness, notes, nodes, signed):
    """Bring each checkpoint to the witness, as a client that follows its answers."""
    seen = 0
    for note in notes * 2:
        size = read_checkpoint(note).size
        if seen > size:
            continue
        proof = consistency_proof(nodes, seen, size) if 0 < seen < size else []
        answer = witness.add_checkpoint(encode_request(seen, proof, note))
        if answer.status == 200:
            (one,) = cosignatures(with_signatures(note, answer.body), [witness.public])
            signed.append((size, one.time))
            seen = size
        elif answer.status == 409:
            seen = parse_size(answer.body.encode())


def test_racing_requests_leave_one_line_of_sizes_and_times(url, tmp_path):
    key = SigningKey.generate("w")
    with open_ledger(url) as ledger:
        log = ledger.signing.chain().keys[0]
        notes = []
        for _ in range(12):
            grow(ledger, 1)
            notes.append(ledger.checkpoint().note)
        nodes = Nodes(ledger.store.hashes)
        states = [State(tmp_path / "s.db", CosigningKey(key).public, create=True) for _ in range(3)]
        back = iter(range(10**6, 0, -1))
        signed = []
        threads = [
            threading.Thread(
                target=hand_in,
                args=(Witness(key, [log], state, clock=lambda: next(back)), notes, nodes, signed),
            )
            for state in states
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for state in states:
            state.close()
    assert {size for size, _ in signed} >= {read_checkpoint(notes[-1]).size}
    # The clock ran backwards, and no smaller tree has a later time than a larger one.
    assert all(one[1] <= two[1] for one in signed for two in signed if one[0] < two[0])


@given(st.binary(max_size=300))
def test_any_bytes_are_a_request_or_refused(data):
    for body in (data, b"old 0\n\n" + data, b"old 0\n" + data + b"\n\nx"):
        with contextlib.suppress(ValueError):
            found = parse_request(body)
            assert encode_request(found.old, found.proof, "") + found.checkpoint == body
    with contextlib.suppress(ValueError):
        assert b"%d\n" % parse_size(data) == data


def test_a_connection_that_only_trickles_is_cut(url, tmp_path):
    key = SigningKey.generate("w")
    state = State(tmp_path / "s.db", CosigningKey(key).public, create=True)
    server = WitnessServer(("127.0.0.1", 0), Witness(key, [], state), max_life=0.2)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    try:
        with socket.create_connection(server.server_address[:2], timeout=60) as slow:
            slow.sendall(b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 100\r\n\r\nold")
            # Ended by the other side, well before its patience with silence.
            while slow.recv(4096):
                pass
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
        state.close()
