"""How long a finding takes to reach people, in one process: from the append to the ledger to the accepted answer.

A webhook on loopback answers at once, so what is measured is ours: the courier's look at the ledger, its durable outbox, the
request. Beside it stands the same request alone, after one durable append. Then a flood: 10,000 groups of one rule.
"""

from __future__ import annotations

import base64
import os
import statistics
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import Bench

from guarita import config
from guarita.audit import Ledger, events, open_ledger
from guarita.detection.alerts.channels.build import build_all
from guarita.detection.alerts.channels.http import Poster
from guarita.detection.alerts.courier import Courier
from guarita.detection.alerts.routing import Routing
from guarita.detection.alerts.stores.locate import beside

CONFIGURATION = """
detection:
  alerts:
    channels:
      page: {{type: webhook, url: "{url}", secrets: [{{env: GUARITA_BENCHMARK_SECRET}}]}}
    routes:
      - {{name: page, levels: [critical, high, medium, low, info], channels: [page], group_wait: 0}}
"""


class Receiver(BaseHTTPRequestHandler):
    """Takes everything, and says when."""

    def do_POST(self) -> None:  # the name of http.server
        self.rfile.read(int(self.headers["content-length"]))
        self.server.arrivals.append(time.perf_counter())  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()
        self.server.arrived.release()  # type: ignore[attr-defined]

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def finding(number: int) -> events.Event:
    """A finding of a group of its own."""
    return events.detection_finding(
        time=time.time_ns() // 1_000_000, finding_uid=f"f{number}", rule="brute-force", title="Brute force",
        severity="critical", details={"group": {"user": f"user-{number}"}},
    )  # fmt: skip


def measure(bench: Bench, count: int, flood: int) -> None:
    """`count` pages one after another, then `flood` findings at once."""
    os.environ["GUARITA_BENCHMARK_SECRET"] = "whsec_" + base64.b64encode(bytes(32)).decode()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.arrived, server.arrivals = threading.Semaphore(0), []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/"
    with tempfile.TemporaryDirectory() as name, open_ledger(f"{name}/ledger.db") as ledger:
        section = config.parse(CONFIGURATION.format(url=url).encode(), "benchmark").detection.alerts
        assert section is not None
        database = beside(ledger)
        courier = Courier(ledger, database, Routing(section, build_all(section, Path(name))))
        courier.begin()
        alone = _alone(ledger, Poster(section.channels["page"], Path(name)), url, count)
        while server.arrived.acquire(blocking=False):  # type: ignore[attr-defined]
            pass
        stop = threading.Event()
        thread = threading.Thread(target=courier.follow, args=(stop,))
        thread.start()
        delays = []
        for number in range(count):
            started = time.perf_counter()
            ledger.append(finding(number))
            if not server.arrived.acquire(timeout=60):  # type: ignore[attr-defined]
                raise RuntimeError("no page within a minute")
            delays.append(server.arrivals[-1] - started)  # type: ignore[attr-defined]
        stop.set()
        thread.join()
        bench.say("  from the append of a finding to its page")
        bench.add("durable append and bare request, median", 1000 * statistics.median(alone), "ms")
        bench.add("page, median", 1000 * statistics.median(delays), "ms")
        bench.add("page, worst", 1000 * max(delays), "ms", at_most=5_000)
        ledger.append_all(finding(number) for number in range(count, count + flood))
        started = time.perf_counter()
        courier.once()
        bench.add(f"{flood} groups of one rule, all told of", time.perf_counter() - started, "s", at_most=60)
        bench.add("pages that this took", courier.sent - count, "", at_most=section.flood + 1)
        database.close()
    server.shutdown()


def _alone(ledger: Ledger, poster: Poster, url: str, count: int) -> list[float]:
    spent = []
    for number in range(count):
        started = time.perf_counter()
        ledger.append(events.api_activity(time=number, operation="x", actor="a"))
        poster.post(url, b"{}")
        spent.append(time.perf_counter() - started)
    return spent


def main() -> int:
    """Run it."""
    bench = Bench.started("guarita detect alerts: from a finding to a page")
    measure(bench, *(10, 2_000) if bench.quick else (40, 10_000))
    return bench.finish()


if __name__ == "__main__":
    sys.exit(main())
