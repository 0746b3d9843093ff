"""The audit ledger against what bounds it: this disk's fsync, PostgreSQL's commit, the length of the log.

Usage: python benchmarks/ledger.py [--quick] [--json]. Every ratio is of two figures of the same run; the limit beside a
figure is measured just before and just after it, since disks and neighbours change by the minute.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from harness import Bench

sys.path.append(str(Path(__file__).parent.parent / "tests" / "support"))

import psycopg
import servers

from guarita.audit import Ledger, events, open_ledger
from guarita.audit.stores.postgres_session import Place

WRITERS = (1, 8, 64)
BAR = 25


def event(number: int) -> events.Event:
    """An event as a gateway writes it: about 400 bytes."""
    return events.api_activity(
        time=1_764_000_000_000 + number,
        operation="GET /documents/{id}",
        actor=f"user-{number % 1000}",
        source="192.0.2.7",
        service="documents",
        resource=f"document-{number}",
        code=200,
        activity="read",
    )


def fsyncs(folder: Path, seconds: float) -> float:
    """How many times a second this disk takes 4 KB and says that they are safe."""
    file = os.open(folder / "fsync", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    started, count = time.monotonic(), 0
    while time.monotonic() - started < seconds:
        os.write(file, bytes(4096))
        os.fsync(file)
        count += 1
    took = time.monotonic() - started
    os.close(file)
    (folder / "fsync").unlink()
    return count / took


def commits(place: str, seconds: float) -> float:
    """How many single rows a second this server commits for one client."""
    with psycopg.connect(place, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS public.row (n int, body text)")
        body = "x" * 400
        started, count = time.monotonic(), 0
        while time.monotonic() - started < seconds:
            connection.execute("INSERT INTO public.row VALUES (%s, %s)", (count, body))
            count += 1
        return count / (time.monotonic() - started)


def appends(ledger: Ledger, writers: int, seconds: float) -> float:
    """Durable appends a second by so many threads."""
    counts = [0] * writers
    until = time.monotonic() + seconds

    def work(number: int) -> None:
        while time.monotonic() < until:
            ledger.append(event(counts[number]))
            counts[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(writers)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.monotonic() - started)


def across_processes(url: str, key: str, processes: int, writers: int, seconds: float) -> float:
    """Durable appends a second by so many processes with so many threads each."""
    start = time.time() + 1.5
    command = [sys.executable, __file__, "worker", url, key, str(start), str(writers), str(seconds)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(processes)]
    return sum(float(one.communicate()[0]) for one in started)


def worker(url: str, key: str, start: str, writers: str, seconds: str) -> None:
    """One of the processes above."""
    with open_ledger(url, key=key) as ledger:
        time.sleep(max(0.0, float(start) - time.time()))
        print(appends(ledger, int(writers), float(seconds)))


def without_syncs(folder: Path, writers: int, seconds: float) -> float:
    """What the processor alone allows: where 25 times fsync is more, the disk is not what bounds a log."""
    with open_ledger(str(folder / "unsynced.db"), key="none") as ledger:
        ledger.store._writer.execute("PRAGMA synchronous = OFF")  # noqa: SLF001  # no option: nobody may want it
        return appends(ledger, writers, seconds)


def beside(limit: Callable[[], float], measured: Callable[[], float]) -> tuple[float, float]:
    """A figure, and the limit as measured before and after it."""
    before = limit()
    value = measured()
    return value, (before + limit()) / 2


def on_this_disk(bench: Bench, folder: Path, seconds: float) -> None:
    limit = partial(fsyncs, folder, seconds / 4)
    key = str(folder / "key")
    url = str(folder / "l.db")
    unsynced = without_syncs(folder, max(WRITERS), seconds)
    with open_ledger(url, key=key) as ledger:
        for writers in WRITERS:
            rate, fsync = beside(limit, partial(appends, ledger, writers, seconds))
            bench.add(f"appends by {writers} writers", rate, "a second")
            bar = BAR if writers == max(WRITERS) and BAR * fsync < unsynced else None
            bench.add(f"appends by {writers} writers, against fsync", rate / fsync, "times", at_least=bar)
    bench.add("appends by 64 writers, without syncs", unsynced, "a second")
    bench.add("appends by 64 writers, against those without syncs", rate / unsynced, "times", at_least=0.5)
    rate, fsync = beside(limit, partial(across_processes, url, key, 4, 16, seconds))
    bench.add("appends by 4 processes of 16 writers, against fsync", rate / fsync, "times")
    bench.add("fsync of 4 KB", fsync, "a second")


def on_postgres(bench: Bench, folder: Path, seconds: float) -> None:
    key = str(folder / "postgres.key")
    with servers.postgres() as server:
        url = server.url(schema="bench")
        limit = partial(commits, Place.parse(url).conninfo, seconds / 4)
        with open_ledger(url, key=key) as ledger:
            for writers in WRITERS:
                rate, commit = beside(limit, partial(appends, ledger, writers, seconds))
                name = f"PostgreSQL: appends by {writers} writers, against commits"
                bench.add(name, rate / commit, "times")
        rate, commit = beside(limit, partial(across_processes, url, key, 4, 16, seconds))
        bench.add("PostgreSQL: appends by 4 processes of 16, against commits", rate / commit, "times")
        bench.add("PostgreSQL: single-row commits", commit, "a second")


def by_length(bench: Bench, folder: Path, lengths: tuple[int, ...]) -> None:
    """Verifying reads everything, proving a path: how both grow with the log."""
    url = str(folder / "long.db")
    random_ = random.Random(6962)
    verified, proved = {}, {}
    with open_ledger(url, key=str(folder / "long.key"), checkpoint_every=10**9) as ledger:
        size = 0
        for length in lengths:
            while size < length:
                ledger.append_all(event(number) for number in range(size, min(size + 1000, length)))
                size = min(size + 1000, length)
            ledger.checkpoint()
            started = time.monotonic()
            ledger.verify()
            verified[length] = (time.monotonic() - started) / length
            indexes = [random_.randrange(length) for _ in range(200)]
            started = time.monotonic()
            for index in indexes:
                ledger.prove(index)
            proved[length] = (time.monotonic() - started) / len(indexes)
            bench.add(f"verify, {length:,} events", 1 / verified[length], "events/s")
            bench.add(f"prove, {length:,} events", proved[length] * 1000, "ms")
        raw = sum(len(leaf.body) for leaf in ledger.entries(0, min(lengths)))
    first, last = lengths[0], lengths[-1]
    growth = verified[last] / verified[first]
    bench.add(f"verify an event: {last:,} against {first:,}", growth, "times", at_most=2)
    growth = proved[last] / proved[first]
    bench.add(f"prove: {last:,} against {first:,}", growth, "times", at_most=3)
    kept = Path(url).stat().st_size / last
    each = raw / min(lengths)
    bench.add("an event's JSON", each, "bytes")
    bench.add("an event on disk, against its JSON", kept / each, "times", at_most=1.5)


def main() -> int:
    bench = Bench.started("The audit ledger")
    seconds = 1.2 if bench.quick else 4.0
    # Beside the code: /tmp may be memory, where fsync costs nothing.
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR"), prefix="bench-ledger-") as name:
        folder = Path(name)
        on_this_disk(bench, folder, seconds)
        on_postgres(bench, folder, seconds)
        by_length(bench, folder, (10_000, 50_000) if bench.quick else (10_000, 100_000, 1_000_000))
    return bench.finish()


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        worker(*sys.argv[2:])
    else:
        sys.exit(main())
