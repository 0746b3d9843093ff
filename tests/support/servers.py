"""Real servers for tests: each starts on a free loopback port, and is stopped by whoever started it."""

import contextlib
import os
import socket
import subprocess
import sysconfig
import time
import urllib.error
import urllib.request
from pathlib import Path


def free_port():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


def wait_until(ready, process, *, seconds=60, log=None):
    until = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"{process.args[0]} did not start: {log.read_text() if log else ''}")
        time.sleep(0.02)


@contextlib.contextmanager
def stopping(process):
    """The process, ended when the block is left."""
    try:
        yield process
    finally:
        process.kill()
        process.wait()


BAO_TOKEN = "root-of-the-tests"


@contextlib.contextmanager
def openbao(folder):
    """An OpenBao server in memory, unsealed, with BAO_TOKEN as root; gives its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    log = Path(folder) / "bao.log"
    bao = Path(sysconfig.get_path("scripts")) / "bao"
    with log.open("w") as out:
        process = subprocess.Popen(
            [bao, "server", "-dev", f"-dev-root-token-id={BAO_TOKEN}", f"-dev-listen-address=127.0.0.1:{port}",
             "-dev-no-store-token"],
            stdout=out, stderr=out, env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        )  # fmt: skip

    def unsealed():
        try:
            with urllib.request.urlopen(f"{address}/v1/sys/health", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    with stopping(process):
        wait_until(unsealed, process, log=log)
        yield address, process
