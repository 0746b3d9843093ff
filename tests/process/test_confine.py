"""A confined process: what it still can do, and what it cannot."""

import os
import subprocess
import sys
import threading

import pytest

from guarita.process import ProcessError, Worker, neutral_environment

START = "from guarita.process.confine import confine\n"


def run(code, **options):
    return subprocess.run(
        [sys.executable, "-I", "-c", START + code],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )


ATTEMPTS = [
    "import socket; socket.socket()",
    "import socket; socket.create_connection(('127.0.0.1', 9), 1)",
    "os.fork()",
    "os.execv('/bin/true', ['true'])",
    "import subprocess; subprocess.run(['true'])",
    "os.posix_spawn('/bin/true', ['true'], {})",
    "os.open(folder + '/new', os.O_WRONLY | os.O_CREAT)",
    "open(folder + '/there', 'r+')",
    "os.open(folder + '/there', os.O_RDONLY | os.O_TRUNC)",
    "os.unlink(folder + '/there')",
    "os.rename(folder + '/there', folder + '/gone')",
    "os.mkdir(folder + '/made')",
    "os.symlink('a', folder + '/link')",
    "os.chmod(folder + '/there', 0o777)",
    "os.truncate(folder + '/there', 0)",
    "os.kill(os.getppid(), 0)",
]


def test_what_reaches_beyond_the_process_is_refused(tmp_path):
    there = tmp_path / "there"
    there.write_text("untouched")
    code = (
        f"import os\nfolder = {str(tmp_path)!r}\nconfine(memory=1 << 30)\nfor attempt in {ATTEMPTS!r}:\n"
        "    try: exec(attempt)\n"
        "    except PermissionError: continue\n"
        "    except OSError as error: print(error)\n"
        "    print(attempt)\n"
        "print('tried')"
    )
    done = run(code)
    assert done.stdout == "tried\n", done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
    assert there.read_text() == "untouched"


def test_threads_and_reading_still_work_and_threads_are_bound_too():
    code = (
        "import socket, threading\n"
        "bound = threading.Event()\n"
        "def early():\n"
        "    bound.wait()\n"
        "    try: socket.socket()\n"
        "    except PermissionError: print('refused')\n"
        "thread = threading.Thread(target=early)\n"
        "thread.start()\n"
        "confine(memory=1 << 30)\n"
        "bound.set(); thread.join()\n"
        "late = threading.Thread(target=print, args=('started',)); late.start(); late.join()\n"
        "print(open('/proc/self/stat').read(3) != '')\n"
    )
    assert run(code).stdout == "refused\nstarted\nTrue\n"


def test_memory_and_time_are_bounded():
    done = run("confine(memory=400 << 20)\ntry: bytearray(1 << 30)\nexcept MemoryError: print('bounded')\n")
    assert done.stdout == "bounded\n"
    assert run("confine(memory=1 << 30, cpu_seconds=1)\nwhile True: pass\n").returncode == -24


def test_an_unknown_machine_is_an_error_and_not_a_worker_without_bounds():
    code = (
        "import platform\nplatform.machine = lambda: 'vax'\n"
        "try: confine(memory=1 << 30)\nexcept Exception as error: print(error.code)\n"
    )
    assert run(code).stdout == "process.unconfined\n"


SERVER = """
import os
from guarita.process.confine import confine
from guarita.process.serving import Channel
channel = Channel()
confine(memory=1 << 30)
print("noise of a library")
while (request := channel.receive()) is not None:
    line, files = request
    channel.aside("found", {"count": len(files)})
    token = channel.ask("ask", {"value": line.decode()})
    if len(files) > 1:
        os.write(files[1], os.pread(files[0], 100, 0).upper())
    for file in files:
        os.close(file)
    channel.answer({"token": token["token"]})
"""


def test_a_worker_gets_open_files_and_asks_back(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_text("hello")
    heard = []

    def aside(message):
        heard.append(message)
        return {"token": "t" * 200_000} if message["aside"] == "ask" else None

    with Worker(
        [sys.executable, "-I", "-c", SERVER],
        cwd=tmp_path,
        env=neutral_environment(tmp_path),
        caller="test",
        stop=threading.Event(),
        passes_files=True,
    ) as worker:
        for _ in range(3):
            with source.open("rb") as inside, target.open("wb") as outside:
                answer = worker.request(
                    {"padding": "é" * 100_000}, 60, files=[inside.fileno(), outside.fileno()], aside=aside
                )
            assert answer == {"token": "t" * 200_000}
            assert target.read_text() == "HELLO"
        assert [message.get("count") for message in heard[::2]] == [2, 2, 2]
        assert worker.request({}, 60, aside=aside)["token"]
        assert sorted(os.listdir(f"/proc/{worker.pid}/fd"))[:3] == ["0", "1", "2"]
        assert len(os.listdir(f"/proc/{worker.pid}/fd")) == 5


def test_a_worker_whose_message_nobody_answers_is_ended_at_its_limit(tmp_path):
    with Worker(
        [sys.executable, "-I", "-c", SERVER],
        cwd=tmp_path,
        env=neutral_environment(tmp_path),
        caller="test",
        stop=threading.Event(),
        passes_files=True,
    ) as worker:
        with pytest.raises(ProcessError) as caught:
            worker.request({}, 3)
        assert caught.value.code == "process.hung"
