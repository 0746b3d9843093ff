"""Detection against decoding the same events, against more rules, and against the SQL that Sigma's rules become.

Usage: python benchmarks/detection.py [--quick] [--json]. Every ratio is of two figures of the same run.
"""

from __future__ import annotations

import resource
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from harness import Bench
from sigma.backends.sqlite import sqliteBackend
from sigma.collection import SigmaCollection

from guarita.audit import events, open_ledger
from guarita.detection.detector import Detector
from guarita.detection.engine.engine import Engine
from guarita.detection.sigma.load import PACK, load

START = 1_764_000_000_000
CODES = (
    "access.granted",
    "access.denied",
    "token.expired",
    "apikey.unknown",
    "token.signature",
    "limit.exceeded",
)
RULE = """title: R{n}
name: r{n}
logsource: {{product: guarita, category: api}}
detection: {{s: {{status_code: code.{n}}}, condition: s}}
---
title: C{n}
name: c{n}
correlation: {{type: event_count, rules: [r{n}], group-by: [actor.user.uid], timespan: 5m, condition: {{gte: 10}}}}
"""


def body(number: int, *, users: int, code: str = "") -> bytes:
    """An event as the gateway writes it."""
    return msgspec.json.encode(
        events.api_activity(
            time=START + number * 100,
            operation="GET",
            actor=f"user-{number % users}",
            source=events.Personal("", f"{number % users:022}"),
            service="guarita gateway",
            code=403,
            reason=code or CODES[number % len(CODES)],
        ),
        enc_hook=lambda sealed: f"sealed:v1:{sealed.value}:{number:054}",
    )


def seconds(work: Callable[[], object]) -> float:
    """Seconds of CPU, the better of two."""
    took = []
    for _ in range(2):
        started = time.process_time()
        work()
        took.append(time.process_time() - started)
    return min(took)


def through(engine: Engine, bodies: list[bytes]) -> int:
    """Decode and evaluate; gives how much was detected."""
    return sum(1 for index, one in enumerate(bodies) for _ in engine.feed(msgspec.json.decode(one), index))


def throughput(bench: Bench, count: int) -> None:
    bodies = [body(number, users=500) for number in range(count)]
    rules = load([PACK])
    decoding = seconds(lambda: [msgspec.json.decode(one) for one in bodies])
    pack = seconds(lambda: through(Engine(rules), bodies))
    bench.add("events a second through the pack", count / pack, "1/s")
    bench.add("time of decoding the same events", pack / decoding, "x decoding", at_most=12)


def scaling(bench: Bench, folder: Path, count: int) -> None:
    bodies = [body(number, users=500, code=f"code.{number % 1000}") for number in range(count)]
    cost = {}
    for rules in (1, 10, 25, 100):
        file = folder / f"{rules}.yaml"
        file.write_text("---\n".join(RULE.format(n=n) for n in range(rules)))
        loaded = load([file])
        cost[rules] = seconds(lambda loaded=loaded: through(Engine(loaded), bodies))
        bench.add(f"microseconds an event with {rules} rules", 1e6 * cost[rules] / count, "us")
    bench.add("100 rules against 1", cost[100] / cost[1], "x", at_most=2)


def burst(bench: Bench, count: int) -> None:
    """Failures from one address in ten minutes, by our window and by SQL."""
    text = RULE.format(n=0).replace("actor.user.uid", "src")
    (query,) = sqliteBackend().convert(SigmaCollection.from_yaml(text))
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE logs (timestamp TEXT, status_code TEXT, src TEXT)")
    stamp = "%Y-%m-%d %H:%M:%S"
    database.executemany(
        "INSERT INTO logs VALUES (?, 'code.0', 'a')",
        [
            (time.strftime(stamp, time.gmtime(START // 1000 + number * 600 // count)),)
            for number in range(count)
        ],
    )
    started = time.process_time()
    rows = database.execute(query.replace("<TABLE_NAME>", "logs")).fetchall()
    sql = time.process_time() - started
    bench.add("what that SQL detects of it", len(rows), "rows")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "r.yaml"
        file.write_text(RULE.format(n=0))
        loaded = load([file])
    bodies = [body(number, users=1, code="code.0") for number in range(count)]
    ours = seconds(lambda: through(Engine(loaded), bodies))
    bench.add(f"{count} failures of one group: SQL of pySigma", sql, "s")
    bench.add(f"{count} failures of one group: ours", ours, "s")
    bench.add("SQL against ours", sql / ours, "x", at_least=10)


def memory(bench: Bench, count: int) -> None:
    engine = Engine(load([PACK]), most=2000)
    peaks = []
    for number in range(count):
        event = msgspec.json.decode(body(number, users=count))
        event["src_endpoint"] = {"uid": f"a{number}"}
        for _ in engine.feed(event, number):
            pass
        if number in {count // 2, count - 1}:
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    bench.add(f"memory over {count} events of as many addresses", peaks[1] - peaks[0], "MB more", at_most=8)


def delay(bench: Bench, folder: Path, times: int) -> None:
    """From an append to the detection that gives it, durable."""
    file = folder / "one.yaml"
    file.write_text(RULE.format(n=0).split("---\n", 1)[0])
    stop, seen, waits = threading.Event(), threading.Event(), []
    with open_ledger(str(folder / "l.db")) as ledger:
        detector = Detector(ledger, Engine(load([file])), clock=lambda: START, lateness=0)

        def follow() -> None:
            for _ in detector.run(follow=True, stop=stop):
                seen.set()

        thread = threading.Thread(target=follow)
        thread.start()
        for number in range(times):
            seen.clear()
            started = time.monotonic()
            ledger.append(
                events.api_activity(time=START + number, operation="GET", actor="a", reason="code.0")
            )
            seen.wait(10)
            waits.append(time.monotonic() - started)
        stop.set()
        thread.join()
    bench.add("delay from event to detection, median", sorted(waits)[times // 2], "s", at_most=1)


def main() -> int:
    bench = Bench.started("Detection: rules over a stream of events")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        throughput(bench, 10_000 if bench.quick else 100_000)
        scaling(bench, folder, 10_000 if bench.quick else 50_000)
        burst(bench, 1_000 if bench.quick else 10_000)
        memory(bench, 100_000 if bench.quick else 1_000_000)
        delay(bench, folder, 10)
    return bench.finish()


if __name__ == "__main__":
    sys.exit(main())
