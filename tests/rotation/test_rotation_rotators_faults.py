"""Each rotator while its servers go away in mid-rotation and come back: it waits, and rolls nothing back."""

import time

import pytest
from rotatorbenches import AppRoleBench, JwtBench, PkiBench, RedisBench, TransitBench

from guarita.rotation.journal import Phase

EACH = [AppRoleBench, TransitBench, PkiBench, JwtBench, RedisBench]


def stopped_at(case, word):
    """A runner that is stopped before its first write of this kind."""
    case.trap.clear()
    case.rotate()
    at = next(at for at, what in enumerate(case.trap.seen, 1) if word in what)
    runner = case.start("run", case.bench.name)
    case.trap.set(at, "stop", runner.pid)
    assert case.trap.caught.wait(60)
    return runner


def goes_on(case, runner):
    assert runner.wait() == 0, runner.said()
    case.settled()
    assert case.entry.last.phase is Phase.DONE


EFFECTS = {
    "approle": "custom-secret-id",
    "transit": "/rotate",
    "pki": "/sign/",
    "jwt": "/jwks-",
    "redis": "EXEC",
}


@pytest.mark.parametrize("kind", EACH, ids=lambda kind: kind.kind)
def test_openbao_is_killed_and_started_again(cases, raft, kind):
    case = cases(kind, vault=raft.address, token=raft.token)
    case.rotate()
    runner = stopped_at(case, EFFECTS[kind.kind])
    raft.kill()
    case.trap.released.set()
    time.sleep(0.3)
    assert not runner.ended
    raft.launch()
    raft.unseal()
    goes_on(case, runner)


@pytest.mark.parametrize("word", ["EXEC", "SAVE"])
def test_redis_is_killed_and_started_again(cases, word):
    case = cases(RedisBench)
    case.rotate()
    runner = stopped_at(case, word)
    (server,) = case.bench.servers
    server.kill()
    case.trap.released.set()
    time.sleep(0.3)
    assert not runner.ended
    server.start()
    goes_on(case, runner)
