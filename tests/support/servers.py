"""Real servers for tests: each starts on a free loopback port, and is stopped by whoever started it."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sysconfig
import tempfile
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


class RaftBao:
    """An OpenBao server with raft storage on disk, that can be sealed, killed and started again."""

    def __init__(self, folder):
        self.folder, self.port, self.cluster_port = Path(folder), free_port(), free_port()
        (self.folder / "raft").mkdir()
        (self.folder / "bao.hcl").write_text(
            f'storage "raft" {{ path = "{self.folder}/raft" node_id = "one" }}\n'
            f'listener "tcp" {{ address = "127.0.0.1:{self.port}" tls_disable = true }}\n'
            f'api_addr = "http://127.0.0.1:{self.port}"\n'
            f'cluster_addr = "https://127.0.0.1:{self.cluster_port}"\n'
        )
        self.address = f"http://127.0.0.1:{self.port}"
        self.process = self.token = None
        self.launch()
        try:
            made = self.ask("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
            self.key, self.token = made["keys"][0], made["root_token"]
            self.unseal()
            self.ask("POST", "sys/mounts/secret", {"type": "kv", "options": {"version": "2"}})
            wait_until(self.writes, self.process)
        except BaseException:
            self.kill()
            raise

    def launch(self):
        bao = Path(sysconfig.get_path("scripts")) / "bao"
        with (self.folder / "bao.log").open("a") as out:
            self.process = subprocess.Popen(
                [bao, "server", f"-config={self.folder / 'bao.hcl'}"], stdout=out, stderr=out,
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder)},
            )  # fmt: skip
        wait_until(lambda: self.health() is not None, self.process, log=self.folder / "bao.log")

    def ask(self, method, path, body=None):
        request = urllib.request.Request(
            f"{self.address}/v1/{path}", method=method, data=None if body is None else json.dumps(body).encode(),
            headers={"X-Vault-Token": self.token or ""},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=60) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def health(self):
        try:
            with urllib.request.urlopen(f"{self.address}/v1/sys/health", timeout=2) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None

    def writes(self):
        """Whether the KV engine takes writes: it upgrades itself for a moment after it was mounted."""
        try:
            self.ask("POST", "secret/data/ready", {"data": {"a": "1"}})
        except OSError:
            return False
        return True

    def seal(self):
        self.ask("PUT", "sys/seal")

    def unseal(self):
        self.ask("PUT", "sys/unseal", {"key": self.key})
        wait_until(lambda: self.health() == 200, self.process, log=self.folder / "bao.log")

    def kill(self):
        self.process.kill()
        self.process.wait()


PG_BIN = max(
    Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/usr/bin"), key=lambda path: path.parent.name
)


class Postgres:
    """A PostgreSQL server of Debian's package with durable commits, that can be stopped and started again."""

    def __init__(self):
        # Not below pytest's own folder, which only root may enter.
        self.folder = Path(tempfile.mkdtemp(prefix="guarita-postgres-"))
        self.port = free_port()
        self.data = self.folder / "data"
        # The server refuses to run as root.
        self.user = (
            ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"]
            if os.geteuid() == 0
            else []
        )
        if self.user:
            subprocess.run(["chown", "postgres:", self.folder], check=True)
        self._run("initdb", "-D", self.data, "-U", "guarita", "-A", "trust", "-E", "UTF8", "--no-sync")
        self.process = None
        self.start()

    def _run(self, program, *arguments):
        done = subprocess.run(
            [*self.user, PG_BIN / program, *arguments],
            capture_output=True,
            text=True,
            cwd=self.folder,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stdout}{done.stderr}")

    def start(self):
        with (self.folder / "log").open("a") as out:
            self.process = subprocess.Popen(
                [*self.user, PG_BIN / "postgres", "-D", self.data, "-p", str(self.port), "-k", self.folder,
                 "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200"],
                stdout=out, stderr=out, cwd=self.folder,
            )  # fmt: skip

        def ready():
            done = subprocess.run(
                [PG_BIN / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False
            )
            return done.returncode == 0

        wait_until(ready, self.process, log=self.folder / "log")

    def stop(self, how=signal.SIGQUIT):
        """SIGQUIT: at once, as a crash that is recovered from at the next start."""
        self.process.send_signal(how)
        self.process.wait()

    def url(self, **query):
        """A ledger's place; a schema names one of many."""
        text = "&".join(f"{name}={value}" for name, value in query.items())
        return f"postgresql://guarita@127.0.0.1:{self.port}/postgres?{text}"

    def processes(self):
        """The server's own processes and those of its connections."""
        found = subprocess.run(
            ["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False
        ).stdout.split()
        return [self.process.pid, *map(int, found)]


@contextlib.contextmanager
def postgres():
    server = Postgres()
    try:
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            server.process.send_signal(signal.SIGCONT)
        server.stop()
        shutil.rmtree(server.folder, ignore_errors=True)
