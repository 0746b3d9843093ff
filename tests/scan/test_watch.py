"""`guarita scan --watch`: judged again when something changed and has come to rest."""

import os
import signal
import subprocess
import threading
import time

from guarita.scan.watch import watch

BAD = "import subprocess\nsubprocess.run(input(), shell=True)\n"


def test_it_judges_first_and_then_only_what_changed_and_came_to_rest():
    states = iter(["a", "a", "b", "c", "c", "c", "c"])
    stop, seen, judged = threading.Event(), [], []

    def look():
        seen.append(next(states, None))
        if seen[-1] is None:
            stop.set()
            return seen[-2]
        return seen[-1]

    watch(lambda: judged.append(len(seen)), look, stop, pause=0.001)
    assert judged == [1, 5]  # at first, and once for b and c together


def test_what_changes_while_it_is_judged_is_judged_next():
    now, stop, judged = ["a"], threading.Event(), []

    def judge():
        judged.append(now[0])
        if len(judged) == 1:
            now[0] = "b"  # somebody saves in the middle
        else:
            stop.set()

    watch(judge, lambda: now[0], stop, pause=0.001)
    assert judged == ["a", "b"]


def test_a_change_is_seen_and_an_interrupt_gives_the_last_answer(repository, tmp_path):
    repository.commit({"a.py": "x = 1\n"})
    report = tmp_path / "report.md"
    command = [repository.command, "scan", "--scanner", "code", "--watch", "--output", f"markdown={report}"]
    env = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    run = subprocess.Popen(command, cwd=repository.root, stderr=subprocess.PIPE, text=True, env=env)
    try:
        assert "watching" in run.stderr.readline()
        assert "passed" in report.read_text().lower()
        repository.write({"a.py": BAD})
        assert "watching" in run.stderr.readline()
        assert "B602" in report.read_text()
        repository.write({"guarita.yaml": "scan:\n  nonsense: 1\n"})
        assert "nonsense" in run.stderr.readline()
        (repository.root / "guarita.yaml").unlink()
        assert "watching" in run.stderr.readline()
        run.send_signal(signal.SIGINT)
        assert run.wait(30) == 1
    finally:
        run.kill()
        run.communicate()
        time.sleep(0)
    assert not (repository.root / ".guarita").exists()
