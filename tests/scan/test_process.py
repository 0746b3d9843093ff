"""Processes that hang, crash, talk too long or leave children: each ends, and says why."""

import os
import sys
import threading
import time

import pytest

from guarita.scan.interface import ScannerError
from guarita.scan.process import Worker, neutral_environment, run_tool


@pytest.fixture
def call(tmp_path):
    stop = threading.Event()
    common = {"cwd": tmp_path, "env": neutral_environment(tmp_path), "scanner": "sample", "stop": stop}
    return common, tmp_path, stop


def python(code):
    return [sys.executable, "-I", "-c", code]


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_hung_tool_is_ended_with_its_children(call):
    common, folder, _ = call
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(folder / 'pid')!r}, 'w').write(str(child.pid))\n"
        "time.sleep(600)\n"
    )
    with pytest.raises(ScannerError) as caught:
        run_tool(python(code), timeout=3, **common)
    assert caught.value.code == "scanner.hung"
    child = int((folder / "pid").read_text())
    while not gone(child):
        time.sleep(0.05)


def test_a_crash_carries_the_tools_own_words(call):
    common, _, _ = call
    with pytest.raises(ScannerError, match="status 7: out of luck") as caught:
        run_tool(
            python("import sys; print('out of luck', file=sys.stderr); sys.exit(7)"), timeout=30, **common
        )
    assert caught.value.code == "scanner.crashed"


def test_a_tool_that_is_not_there_is_missing(call):
    common, folder, _ = call
    with pytest.raises(ScannerError) as caught:
        run_tool([folder / "nothing"], timeout=30, **common)
    assert caught.value.code == "scanner.missing"


def test_the_callers_environment_does_not_reach_a_tool(call, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "x")
    common, folder, _ = call
    common["env"] = neutral_environment(folder)
    done = run_tool(python("import os; print(*os.environ)"), timeout=30, **common)
    assert "SECRET_TOKEN" not in done.stdout.decode()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("input(); import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "scanner.crashed"),
        ("input(); print('not json', flush=True); input()", "scanner.crashed"),
        ("import time; time.sleep(600)", "scanner.hung"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", "scanner.hung"),
    ],
)
def test_a_worker_that_dies_lies_or_hangs_is_gone_afterwards(call, code, error):
    common, _, _ = call
    worker = Worker(python(code), **common)
    pid = worker.pid
    with pytest.raises(ScannerError) as caught:
        worker.request({"path": "x"}, 3)
    assert caught.value.code == error
    assert gone(pid)
    worker.close()


def test_a_stopped_run_ends_its_worker(call):
    common, _, stop = call
    with Worker(python("import time; time.sleep(600)"), **common) as worker:
        threading.Timer(0.3, stop.set).start()
        with pytest.raises(ScannerError) as caught:
            worker.request({"path": "x" * 10_000_000}, 60)
        assert caught.value.code == "scanner.stopped"
        assert gone(worker.pid)


def test_a_worker_answers_long_lines(call):
    common, _, _ = call
    echo = "import sys\nfor line in sys.stdin: sys.stdout.write(line); sys.stdout.flush()"
    with Worker(python(echo), **common) as worker:
        message = {"text": "é\n" * 500_000, "pid": os.getpid()}
        assert worker.request(message, 60) == message
        assert worker.request({}, 60) == {}
