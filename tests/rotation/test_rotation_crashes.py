"""Runners as processes, at real servers: killed, stopped, or left without an answer at every single write."""

import itertools

import pytest
from enginebenches import KvBench, PostgresBench
from rotatorbenches import AppRoleBench, JwtBench, PkiBench, RedisBench, TransitBench

from guarita.rotation.journal import Phase

CORE = [KvBench, PostgresBench]
OTHERS = [AppRoleBench, TransitBench, PkiBench, JwtBench, RedisBench]
FEWEST = 12
"""Writes that every rotation has at least: each journal write, and each effect."""


def name(bench):
    return bench.__name__.removesuffix("Bench").lower()


def at_every_write(case, how, *, spares=(), fewest=FEWEST):
    """Start a rotation for every write that it has, and spring the trap at it."""
    for at in itertools.count(1):
        runner = case.start("run", case.bench.name)
        case.trap.set(at, how, runner.pid, spares=spares)
        yield runner
        if case.trap.what is None:
            assert at > fewest
            return


@pytest.mark.parametrize("case", CORE, ids=name, indirect=True)
def test_killed_after_every_write(case):
    for runner in at_every_write(case, "kill"):
        status = runner.wait()
        if case.trap.what is None:
            assert status == 0
        else:
            assert status is None
            case.resume()
        case.settled()


@pytest.mark.parametrize("case", CORE, ids=name, indirect=True)
def test_the_answer_to_every_write_is_lost(case):
    for runner in at_every_write(case, "lose"):
        assert runner.wait() == 0, (case.trap.what, runner.said())
        case.settled()
        assert case.entry.last.phase is Phase.DONE


@pytest.mark.parametrize("case", OTHERS, ids=name, indirect=True)
def test_the_answer_to_every_change_at_the_target_is_lost(case):
    # Journals and staged values are written alike for every kind, and stand in the test above.
    for runner in at_every_write(case, "lose", spares=("/journal/", "/staged/", "/fingerprints"), fewest=2):
        assert runner.wait() == 0, (case.trap.what, runner.said())
        case.settled()
        assert case.entry.last.phase is Phase.DONE


@pytest.mark.parametrize("case", CORE, ids=name, indirect=True)
def test_stopped_before_every_write_while_others_rotate_twice(case):
    for runner in at_every_write(case, "stop"):
        while not (case.trap.caught.wait(0.01) or runner.ended):
            pass
        if case.trap.what is None:
            continue
        case.resume()
        case.rotate()
        before = case.settled()
        case.trap.released.set()
        assert runner.wait() in {0, 3}, (case.trap.what, runner.said())
        case.resume()
        after = case.settled()
        assert case.bench.name_of(after) == case.bench.name_of(before), case.trap.what
