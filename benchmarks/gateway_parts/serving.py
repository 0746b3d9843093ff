"""Requests a second of `guarita gateway serve` under wrk on loopback, beside a server that answers and does no more."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness import Bench
from servers import free_port, stopping

from guarita.gateway.testing import LocalIssuer

CONNECTIONS = 32
CONFIG = """
gateway:
  proxies: ["127.0.0.1"]
  tokens:
    insecure_loopback: true
    issuers:
      - {{issuer: "{issuer}", audiences: ["{audience}"]}}
  access:
    roles: {{reader: {{allow: ["docs:read"]}}}}
    bindings: [{{role: reader, scope: "docs:read"}}]
    routes: [{{path: "/docs/{{number}}", methods: [GET], permissions: ["docs:read"]}}]
"""
BARE = """
import uvicorn
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({{"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]}})
        await send({{"type": "http.response.body", "body": b""}})
uvicorn.run(app, port={port}, log_level="critical", access_log=False, server_header=False, lifespan="off")
"""


def measure(bench: Bench, rounds: int, seconds: int) -> None:
    """One process each, asked in turn by one thread of wrk."""
    if shutil.which("wrk") is None:
        bench.say("  requests a second: left out, for wrk is not installed (apt install wrk)")
        return
    with LocalIssuer(algorithm="ES256") as issuer, tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "guarita.yaml"
        config.write_text(CONFIG.format(issuer=issuer.issuer, audience=issuer.audience))
        ours, bare = free_port(), free_port()
        serve = [
            Path(sys.executable).parent / "guarita",
            "gateway",
            "serve",
            "--config",
            config,
            "--port",
            ours,
        ]
        headers = {
            "Authorization": f"Bearer {issuer.mint(scope='docs:read')}",
            "X-Original-URI": "/docs/42",
            "X-Original-Method": "GET",
            "X-Forwarded-For": "192.0.2.7",
        }
        asked, limit = f"http://127.0.0.1:{ours}/nginx", f"http://127.0.0.1:{bare}/"
        with (
            _running(serve, asked, headers) as guarded,
            _running([sys.executable, "-c", BARE.format(port=bare)], limit, headers) as plain,
        ):
            servers = ((asked, guarded), (limit, plain))
            pairs = [[_wrk(url, headers, seconds, pid) for url, pid in servers] for _ in range(rounds)]
    bench.add(
        "guarita gateway serve, one process", statistics.median(one.rate for one, _ in pairs), "requests/s"
    )
    ratio = statistics.median(one.rate / other.rate for one, other in pairs)
    bench.add("guarita gateway serve / uvicorn answering and no more", ratio, "ratio")
    added = statistics.median(one.cpu - other.cpu for one, other in pairs)
    bench.add("CPU of a request added to uvicorn's own", added * 1e6, "us")


@contextlib.contextmanager
def _running(command: list[object], url: str, headers: dict[str, str]) -> Iterator[int]:
    with stopping(subprocess.Popen([str(word) for word in command])) as process:
        until = time.monotonic() + 20
        while not _answers(url, headers):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"{url} does not answer 200")
            time.sleep(0.1)
        yield process.pid


def _answers(url: str, headers: dict[str, str]) -> bool:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


@dataclass(frozen=True)
class Load:
    """What wrk saw of one server."""

    rate: float
    """Requests a second."""
    cpu: float
    """Seconds of the server's CPU for each request."""


def _cpu(pid: int) -> float:
    """Seconds of CPU that a process has taken (proc_pid_stat(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _wrk(url: str, headers: dict[str, str], seconds: int, pid: int) -> Load:
    said = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    before = _cpu(pid)
    done = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", *said, url],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise SystemExit(f"wrk saw failures:\n{done.stdout}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout).group(1))
    count = int(re.search(r"(\d+) requests in", done.stdout).group(1))
    return Load(rate, (_cpu(pid) - before) / count)
