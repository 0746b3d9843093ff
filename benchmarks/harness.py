"""What every benchmark shares: its two options, processes timed in wall and CPU, and results with their bars."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Spent:
    """What one process and its children took."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds of CPU, user and system, of the process and all children that it waited for."""
    peak: float
    """MB of the largest single process."""
    status: int


def spend(argv: list[str | Path], **options: object) -> Spent:
    """Run a command to its end, its output thrown away."""
    started = time.monotonic()
    process = subprocess.Popen(
        [str(word) for word in argv],
        stdout=options.pop("stdout", subprocess.DEVNULL),
        stderr=options.pop("stderr", subprocess.DEVNULL),
        **options,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Spent(
        wall=time.monotonic() - started,
        cpu=used.ru_utime + used.ru_stime,
        peak=used.ru_maxrss / 1024,
        status=process.returncode,
    )


@dataclass(frozen=True)
class Result:
    """One figure, with the bar that it is held to, where there is one."""

    name: str
    value: float
    unit: str
    bar: str = ""
    holds: bool | None = None


@dataclass
class Bench:
    """A run: options, narration for a person, results for a machine."""

    title: str
    quick: bool = False
    as_json: bool = False
    results: list[Result] = field(default_factory=list)

    @classmethod
    def started(cls, title: str) -> Bench:
        """Read the command line."""
        parser = argparse.ArgumentParser(description=title)
        parser.add_argument(
            "--quick", action="store_true", help="a smaller run, under 50 seconds on two cores"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
        options = parser.parse_args()
        bench = cls(title, options.quick, options.json)
        bench.say(title)
        return bench

    def say(self, text: str) -> None:
        """A line for a person: on stderr where stdout is for a machine."""
        print(text, file=sys.stderr if self.as_json else sys.stdout, flush=True)

    def add(
        self,
        name: str,
        value: float,
        unit: str,
        *,
        at_most: float | None = None,
        at_least: float | None = None,
    ) -> None:
        """Record a figure, and hold it to its bar."""
        bar, holds = "", None
        if at_most is not None:
            bar, holds = f"<= {at_most:g}", value <= at_most
        if at_least is not None:
            bar, holds = f">= {at_least:g}", value >= at_least
        self.results.append(Result(name, round(value, 4), unit, bar, holds))
        mark = "" if holds is None else f"   ({bar}: {'holds' if holds else 'MISSED'})"
        self.say(f"  {name:<58} {value:>10.3f} {unit}{mark}")

    def finish(self) -> int:
        """Print the results; the exit status is 1 when a bar was missed."""
        if self.as_json:
            print(json.dumps({"results": [asdict(result) for result in self.results]}))
        return int(any(result.holds is False for result in self.results))
