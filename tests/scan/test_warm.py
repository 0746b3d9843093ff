"""Engines that stay in memory: the same answers, a process for each run, nobody else's, and an end by themselves."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from guarita.scan.interface import ScanJob, ScannerError, Snapshot
from guarita.scan.scanners.checkov import Engine
from guarita.scan.warm import client
from guarita.scan.warm.folder import runtime_folder

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
ECHO = """\
import json, os, sys, time
from guarita.scan.warm.forkserver import serve, wanted
def load():
    def answer(line):
        asked = json.loads(line)
        if asked.get("sleep"):
            time.sleep(asked["sleep"])
        if asked.get("die"):
            os.kill(os.getpid(), 9)
        return json.dumps({"pid": os.getpid(), "parent": os.getppid(), "cwd": os.getcwd(), **asked}).encode()
    return answer
serve(wanted(), load)
"""


@pytest.fixture
def folder(monkeypatch):
    # A socket's name has 107 bytes at most (unix(7)), and pytest's own folders are deep.
    with tempfile.TemporaryDirectory(prefix="guarita-warm-") as short:
        monkeypatch.setenv("XDG_RUNTIME_DIR", short)
        yield Path(short) / "guarita"


@pytest.fixture
def connect(folder, tmp_path, monkeypatch):
    program = tmp_path / "echo.py"
    program.write_text(ECHO)
    made = []

    def made_connection(identity="1", **options):
        worker = client.connect(
            [sys.executable, program],
            identity,
            cwd=tmp_path,
            scanner="echo",
            stop=threading.Event(),
            **options,
        )
        assert worker is not None
        made.append(worker)
        return worker

    yield made_connection
    for worker in made:
        worker.close()
    for pid in servers(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def servers(folder):
    """The process ids of the servers whose socket is below a folder, without what they forked."""
    found = {}
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if f"{folder}/".encode() in place.read_bytes():
                stat = (place.parent / "stat").read_text().rpartition(")")[2].split()
                found[int(place.parent.name)] = int(stat[1])
        except OSError:
            continue
    return [pid for pid, parent in found.items() if parent not in found]


def gone(pid, seconds=10.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_each_connection_has_a_process_of_its_own_under_one_server(connect, tmp_path):
    one, other = connect(), connect()
    first, second = one.request({"n": 1}, 10.0), other.request({"n": 2}, 10.0)
    assert first["pid"] == one.pid != second["pid"] == other.pid
    assert first["parent"] == second["parent"] not in {1, os.getpid()}
    assert first["cwd"] == str(tmp_path)
    one.close()
    assert gone(first["pid"])
    assert other.request({"n": 3}, 10.0)["n"] == 3


def test_another_engine_has_another_server(connect):
    assert connect("1").request({}, 10.0)["parent"] != connect("2").request({}, 10.0)["parent"]


def test_what_never_answers_ends_with_its_connection(connect):
    worker = connect()
    pid = worker.pid
    with pytest.raises(ScannerError) as caught:
        worker.request({"sleep": 600}, 0.5)
    assert caught.value.code == "scanner.hung"
    assert gone(pid)
    assert connect().request({}, 10.0)["parent"]


def test_a_process_that_dies_takes_nobody_with_it(connect):
    one, other = connect(), connect()
    with pytest.raises(ScannerError) as caught:
        one.request({"die": True}, 10.0)
    assert caught.value.code == "scanner.crashed"
    assert other.request({"n": 1}, 10.0)["n"] == 1


def test_a_stopped_run_ends_at_once(folder, tmp_path, connect):
    connect()
    stop = threading.Event()
    worker = client.connect(
        [sys.executable, tmp_path / "echo.py"], "1", cwd=tmp_path, scanner="echo", stop=stop
    )
    stop.set()
    with pytest.raises(ScannerError) as caught:
        worker.request({"sleep": 600}, 60.0)
    assert caught.value.code == "scanner.stopped"


def test_a_server_that_nobody_asks_ends_and_leaves_no_socket(connect, folder, monkeypatch):
    monkeypatch.setattr(client, "IDLE", 1)
    worker = connect()
    server = worker.request({}, 10.0)["parent"]
    worker.close()
    assert gone(server)
    assert not list(folder.glob("*.sock"))
    assert connect().request({}, 10.0)["parent"] != server


def test_a_server_whose_socket_lost_its_name_ends(connect, folder):
    worker = connect()
    server = worker.request({}, 10.0)["parent"]
    (place,) = folder.glob("*.sock")
    place.unlink()
    assert worker.request({"n": 1}, 10.0)["n"] == 1
    worker.close()
    assert gone(server)
    assert connect().request({}, 10.0)["parent"] != server


def test_many_at_once_start_one_server(connect, folder):
    parents = []
    threads = [
        threading.Thread(target=lambda: parents.append(connect().request({}, 20.0)["parent"]))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(parents) == 6
    assert len(set(parents)) == 1


def test_a_folder_that_others_can_enter_is_not_used(tmp_path):
    open_folder = tmp_path / "run"
    (open_folder / "guarita").mkdir(parents=True)
    (open_folder / "guarita").chmod(0o755)
    assert runtime_folder({"XDG_RUNTIME_DIR": str(open_folder)}) != open_folder / "guarita"
    linked = tmp_path / "linked"
    linked.mkdir()
    (tmp_path / "mine").mkdir(mode=0o700)
    (linked / "guarita").symlink_to(tmp_path / "mine")
    assert runtime_folder({"XDG_RUNTIME_DIR": str(linked)}) != linked / "guarita"


@AS_ROOT
def test_a_socket_of_another_user_is_not_spoken_to(connect, folder, tmp_path):
    connect().close()
    (place,) = folder.glob("*.sock")
    for pid in servers(folder):
        os.kill(pid, signal.SIGKILL)
        assert gone(pid)
    place.unlink()
    program = (
        "import os, socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.bind(sys.argv[1])\n"
        "os.chmod(sys.argv[1], 0o777)\nos.setuid(65534)\ns.listen()\nprint('up', flush=True)\n"
        "c, _ = s.accept()\nprint(len(c.recv(100)), flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, place], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "up\n"
        # The socket was made by root and is listened at by nobody: who listens is what the kernel says.
        assert client._connected(place) is None
        other.kill()


@AS_ROOT
def test_another_user_is_not_served(connect, folder, monkeypatch):
    connect()
    (place,) = folder.glob("*.sock")
    place.chmod(0o777)
    for part in (folder, *folder.parents[:-1]):
        part.chmod(0o755)
    program = (
        "import os, socket, sys\nos.setuid(65534)\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n"
        's.sendall(b\'{"cwd": "/"}\\n\')\nprint(len(s.recv(100)))\n'
    )
    done = subprocess.run([sys.executable, "-c", program, place], capture_output=True, check=False, text=True)
    folder.chmod(0o700)
    assert done.stdout == "0\n" or "ConnectionResetError" in done.stderr or "BrokenPipe" in done.stderr


def test_a_path_that_is_no_socket_is_done_without(folder, monkeypatch, tmp_path):
    monkeypatch.setattr(client.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 1))
    assert client.connect([sys.executable], "1", cwd=tmp_path, scanner="echo", stop=threading.Event()) is None


@pytest.mark.tools
def test_a_warm_engine_answers_as_a_cold_one(folder, tmp_path):
    pod = tmp_path / "pod.yaml"
    pod.write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n"
        "    - {name: a, image: 'a:1', securityContext: {privileged: true}}\n"
    )
    answers = []
    for warm in (False, True, True):
        scratch = tmp_path / f"scratch-{len(answers)}"
        scratch.mkdir()
        job = ScanJob(Snapshot(tmp_path, (), ""), (), 1, 300.0, scratch, threading.Event(), warm=warm)
        with Engine(job, "manifests") as engine:
            answers.append(engine.ask({"op": "manifest", "path": str(pod), "key": "pod.yaml"}))
    assert answers[0] == answers[1] == answers[2]
    assert len(servers(folder)) == 1
    os.kill(servers(folder)[0], signal.SIGKILL)
