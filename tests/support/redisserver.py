"""A real Redis on a free loopback port, that can be stopped, killed and started again."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import servers


class Redis:
    """Debian's redis-server, which keeps no keys over a restart."""

    def __init__(self, folder, *, password=None, options=(), config=None):
        self.folder = Path(folder)
        self.port = servers.free_port()
        self.password = password
        self.options = options
        self.config = config
        self.process = None
        self.start()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self):
        binary = shutil.which("redis-server")
        assert binary, "apt install redis-server: see requirements/debian"
        secured = ["--requirepass", self.password] if self.password else []
        with (self.folder / "redis.log").open("a") as out:
            self.process = subprocess.Popen(
                [binary, *([self.config] if self.config else []), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", *secured,
                 *self.options],
                stdout=out, stderr=out, cwd=self.folder,
            )  # fmt: skip

        def ready():
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                    connection.sendall(b"PING\r\n")
                    return connection.recv(16)[:1] in {b"+", b"-"}
            except OSError:
                return False

        servers.wait_until(ready, self.process, log=self.folder / "redis.log")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def pause(self):
        """It hangs: connections are open, and nothing answers."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def redis(folder, **options):
    server = Redis(folder, **options)
    try:
        yield server
    finally:
        server.kill()
