"""Killed at any moment: nothing acknowledged is missing, the log verifies, and the next writer goes on."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import ledger_writer
import pytest

WRITERS = 8
ROUNDS = {"sqlite": 26, "postgresql": 8}
"""Rounds in which every writer is killed: 208 kills in a file and 64 at a server, where each start is dear."""


@contextlib.contextmanager
def nursery(place):
    with subprocess.Popen(
        [sys.executable, ledger_writer.__file__, place.url, place.key],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        yield process
        process.stdin.close()


def killed(process, folder, first, random_):
    """Eight writers at work, each killed at a moment of its own; gives what was acknowledged, index by call."""
    writers = {}
    for number in range(first, first + WRITERS):
        process.stdin.write(f"{number} 900000 {1 + number % 3} {folder / str(number)}\n")
        writers[folder / str(number)] = int(process.stdout.readline())
    # What it says first says that a writer is at work.
    wait_until(lambda: all(file.exists() and file.stat().st_size for file in writers))
    for child in random_.sample(list(writers.values()), WRITERS):
        time.sleep(random_.uniform(0, 0.02))
        os.kill(child, signal.SIGKILL)
    wait_until(lambda: not any(map(alive, writers.values())))
    said = {}
    for file in writers:
        # A line that was cut off was not heard by anybody.
        for line in file.read_bytes().split(b"\n")[:-1]:
            index, call = line.split()
            said[int(call)] = int(index)
    return said


def wait_until(condition):
    until = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.002)


def alive(process):
    return Path(f"/proc/{process}").exists()


@pytest.mark.timeout(600)
def test_kills_lose_nothing_that_was_acknowledged(place, tmp_path):
    rounds = ROUNDS["postgresql" if "://" in place.url else "sqlite"]
    random_ = random.Random(os.environ.get("GUARITA_KILLS", "guarita"))
    place.open().close()
    said = {}
    with nursery(place) as process:
        for round_ in range(rounds):
            said |= killed(process, tmp_path, round_ * WRITERS, random_)
            if round_ % 5 == 0:
                with place.open() as ledger:  # as somebody who goes on after the crash
                    assert ledger.verify().size >= len(said)
    assert len(said) >= rounds * WRITERS
    with place.open() as ledger:
        size = ledger.verify().size
        there = {leaf.index: leaf.body for leaf in ledger.entries()}
        assert sorted(there) == list(range(size))
        for call, index in said.items():
            assert b'"operation":"call %d"' % call in there[index]
        # What is there beyond that was written, and its writer killed before it could say so.
        assert size - len(said) <= rounds * WRITERS * 3
        assert ledger.append(ledger_writer.event(1)).index == size
