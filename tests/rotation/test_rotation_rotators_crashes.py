"""The engine with each rotator at a real target: killed after every change, and resumed by another runner."""

import functools

import pytest
from driving import Driver, settled
from rotatorbenches import BENCHES, AppRoleBench, JwtBench, PkiBench, RedisBench, TransitBench

from guarita.rotation.journal import Phase

EACH = [AppRoleBench, TransitBench, PkiBench, JwtBench, RedisBench]


def name(bench):
    return bench.__name__.removesuffix("Bench")


@pytest.fixture
def started(bao, tmp_path):
    drivers = []

    def start(kind):
        folder = tmp_path / str(len(drivers))
        folder.mkdir()
        drivers.append(Driver(kind(bao, folder)))
        return drivers[-1]

    yield start
    for driver in drivers:
        driver.bench.close()
        driver.bench.eyes.close()


@pytest.mark.parametrize("kind", BENCHES, ids=name)
def test_rotations_by_the_engine(started, kind):
    driver = started(kind)
    seen = set()
    for _ in range(3):
        entry = driver.rotate()
        assert entry.last.phase is Phase.DONE
        live = settled(driver, entry)
        seen.add(driver.bench.name_of(live))
        assert entry.current.handle.items() >= {k: v for k, v in live.handle.items() if k != "canary"}.items()
    assert len(seen) == 3
    # Between rotations nothing is left to tidy.
    assert driver.machine().tidy() == ()


@pytest.mark.parametrize("kind", EACH, ids=name)
@pytest.mark.parametrize("steps", [2, 4, 6])
def test_the_way_back_from_the_middle(started, kind, steps):
    driver = started(kind)
    before = settled(driver, driver.rotate())
    machine = driver.machine()
    machine.begin()
    for _ in range(steps):
        driver.step(machine)
    entry = driver.roll_back(machine)
    assert entry.last.phase is Phase.ROLLED_BACK
    after = settled(driver, entry)
    if kind is not TransitBench:  # whose newest version stays
        assert driver.bench.name_of(after) == driver.bench.name_of(before)
    settled(driver, driver.rotate())


@pytest.mark.parametrize("kind", BENCHES, ids=name)
def test_in_an_emergency_the_old_one_ends_before_consumers_have_the_new(started, kind):
    driver = started(kind)
    settled(driver, driver.rotate())
    before = driver.bench.rotator.current(driver.bench.published)
    machine = driver.machine()
    machine.begin(emergency=True)
    while machine.work.phase is not Phase.REFUSED:
        driver.step(machine)
    assert Phase.DELIVERED not in machine.work.since
    assert driver.bench.name_of(before) not in driver.bench.valid()
    entry = driver.finish(machine)
    assert entry.last.phase is Phase.DONE
    settled(driver, entry)


@pytest.mark.parametrize("kind", EACH, ids=name)
def test_killed_after_any_change_and_resumed(started, kind):
    driver = started(kind)
    driver.rotate()
    at = 0
    while True:
        machine = driver.machine()
        machine.begin()
        if not driver.killed_after(at, functools.partial(driver.finish, machine)):
            break
        driver.follow()
        entry = driver.finish(driver.machine())
        settled(driver, entry)
        at += 1
    assert at > 15, "each journal write and each effect"
    settled(driver, driver.rotate())


@pytest.mark.parametrize("kind", EACH, ids=name)
def test_killed_on_the_way_back_and_resumed(started, kind):
    driver = started(kind)
    driver.rotate()
    at = 0
    while True:
        machine = driver.machine()
        machine.begin()
        for _ in range(4):
            driver.step(machine)
        if not driver.killed_after(at, functools.partial(driver.roll_back, machine)):
            break
        driver.follow()
        settled(driver, driver.roll_back(driver.machine()))
        at += 2
    assert at > 3
    settled(driver, driver.rotate())


@pytest.mark.parametrize("case", EACH, ids=name, indirect=True)
def test_stopped_before_every_effect_while_others_rotate_twice(case):
    """By processes and signals: SIGSTOP after the last look at the journal, SIGCONT when two others have finished."""
    case.rotate()
    case.trap.clear()
    case.rotate()
    ours = (f"{case.state.partition('/')[2]}/", f"/data/{case.bench.mark}", f"/destroy/{case.bench.mark}")
    effects = [at for at, what in enumerate(case.trap.seen, 1) if not any(word in what for word in ours)]
    assert effects
    for at in effects:
        runner = case.start("run", case.bench.name)
        case.trap.set(at, "stop", runner.pid)
        assert case.trap.caught.wait(60)
        case.resume()
        case.rotate()
        before = case.settled()
        case.trap.released.set()
        assert runner.wait() == 3, runner.said()
        case.resume()
        after = case.settled()
        if case.bench.kind != "transit":
            assert case.bench.name_of(after) == case.bench.name_of(before), case.trap.what
