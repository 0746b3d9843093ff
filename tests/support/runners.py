"""Runners as processes: `guarita` forked from one that has imported it already, so that many cost little.

As a program: reads lines of JSON {"args", "env", "cwd", "out"} and answers each with the process id of a new runner.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def serve():
    """Fork a runner for each line. What it says goes to files."""
    # Imported before the first fork, with what is imported late.
    import kubernetes.client
    import kubernetes.config  # noqa: F401

    import guarita.rotation.cli  # noqa: F401
    import guarita.rotation.rotators.build as builds
    from guarita.cli.main import run

    for module in builds.MODULES.values():
        __import__(module)
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if not child:
            os.setsid()
            os.chdir(asked["cwd"])
            os.environ.update(asked["env"])
            for number, end in ((1, "out"), (2, "err")):
                os.dup2(os.open(f"{asked['out']}.{end}", os.O_CREAT | os.O_WRONLY | os.O_TRUNC), number)
            status = 99
            try:
                if "clock" in asked:
                    _set_clock(asked["clock"])
                status = run(asked["args"])
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                Path(f"{asked['out']}.status").write_text(str(int(status)))
                os._exit(0)
        os.write(1, b"%d\n" % child)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _set_clock(offset):
    """This host's clock, so many seconds off."""
    real = time.time
    time.time = lambda: real() + offset
    time.time_ns = lambda: int((real() + offset) * 1_000_000_000)


class Runner:
    """One that was started. It may be killed or stopped by its `pid`."""

    def __init__(self, pid, out):
        self.pid, self.out = pid, out

    def wait(self, seconds=150):
        """Its exit status; None when it was killed."""
        until = time.monotonic() + seconds
        while _alive(self.pid):
            if time.monotonic() > until:
                os.kill(self.pid, signal.SIGKILL)
                raise AssertionError(f"it does not end: {self.said()}")
            time.sleep(0.003)
        status = Path(f"{self.out}.status")
        return int(status.read_text()) if status.exists() else None

    @property
    def ended(self):
        return not _alive(self.pid)

    def said(self):
        return "".join(Path(f"{self.out}.{end}").read_text() for end in ("out", "err"))

    def answer(self):
        """What it answered with --json."""
        return json.loads(Path(f"{self.out}.out").read_text())


class Nursery:
    """Starts runners."""

    def __init__(self, folder):
        self.folder, self.number = Path(folder), 0
        self.process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, *args, cwd, env, clock=None):
        self.number += 1
        out = self.folder / str(self.number)
        asked = {"args": list(map(str, args)), "cwd": str(cwd), "env": env, "out": str(out)}
        if clock is not None:
            asked["clock"] = clock
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return Runner(int(self.process.stdout.readline()), out)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def _alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


if __name__ == "__main__":
    serve()
