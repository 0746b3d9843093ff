"""What holds for every rotator, at a real target each: repeated, lost, late and undone steps do no harm."""

import dataclasses

import pytest
from rotatorbenches import BENCHES

from guarita.errors import GuaritaError
from guarita.rotation.errors import FencedOutError, StillValidError, TransientError
from guarita.rotation.interface import Credential, Proof


@pytest.fixture(params=BENCHES, ids=lambda bench: bench.__name__.removesuffix("Bench"))
def bench(request, bao, tmp_path):
    made = request.param(bao, tmp_path)
    yield made
    made.close()


def only(bench, *credentials):
    """Nothing but these is valid at the target."""
    names = {bench.name_of(credential) for credential in credentials}
    if bench.kind == "transit":  # versions that a rolled-back rotation leaves are newer, and harm nobody
        assert min(map(int, bench.valid())) == min(map(int, names))
    else:
        assert bench.valid() == names


def test_three_rotations_leave_the_last_one_alone(bench):
    seen = []
    for _ in range(3):
        new = bench.rotate()
        bench.rotator.probe(new)
        only(bench, new)
        seen.append(bench.name_of(new))
    assert len(set(seen)) == 3


def test_what_is_published_is_recognised(bench):
    new = bench.rotate()
    there = bench.rotator.current(bench.published)
    assert bench.name_of(there) == bench.name_of(new)
    assert {k: v for k, v in there.values.items() if k in new.values} == new.values
    assert not [problem for problem in bench.rotator.check(there) if problem.hinders]


def test_every_step_may_be_repeated(bench):
    bench.rotate()
    old, new = bench.begin()
    first = bench.create(new)
    again = bench.create(new)
    assert bench.name_of(again) == bench.name_of(first)
    bench.publish(again)
    bench.switched()
    for _ in range(2):
        bench.rotator.disable(old, bench.fence())
        bench.rotator.refused(old)
    for _ in range(2):
        bench.rotator.destroy(old, bench.fence())
        bench.rotator.refused(old)
    for _ in range(2):
        assert not bench.rotator.sweep([again], bench.fence())
    bench.rotator.probe(again)
    only(bench, again)


@pytest.mark.parametrize("at", range(4))
def test_an_answer_that_was_lost_is_made_up_for(bench, at):
    bench.rotate()
    old, new = bench.begin()

    def insisted(step):
        """Once more after each loss, as the engine does."""
        bench.losing.after = at
        try:
            return step()
        except TransientError:
            return step()
        finally:
            bench.losing.after = None

    made = insisted(lambda: bench.create(new))
    bench.rotator.probe(made)
    bench.publish(made)
    bench.switched()
    insisted(lambda: bench.rotator.disable(old, bench.fence()))
    insisted(lambda: bench.rotator.destroy(old, bench.fence()))
    bench.rotator.sweep([made], bench.fence())
    bench.rotator.refused(old)
    bench.rotator.probe(made)
    only(bench, made)


@pytest.mark.parametrize("created", [False, True])
def test_a_rotation_that_is_undone_leaves_the_old_one(bench, created):
    old = bench.rotate()
    _, new = bench.begin()
    bench.switched()
    made = bench.create(new) if created else new
    for _ in range(2):
        bench.rotator.destroy(made, bench.fence())
    assert isinstance(bench.rotator.refused(made), Proof)
    assert isinstance(bench.rotator.idle(made), Proof)
    bench.rotator.sweep([old], bench.fence())
    bench.rotator.probe(old)
    only(bench, old)
    bench.rotate()


def test_the_ladder_is_climbed_back(bench):
    bench.rotate()
    old, new = bench.begin()
    made = bench.create(new)
    bench.switched()
    bench.rotator.disable(old, bench.fence())
    for _ in range(2):
        bench.rotator.enable(old, bench.fence())
    bench.rotator.probe(old)
    if bench.kind != "pki":  # where nobody serves it, it counts as refused until it is revoked
        with pytest.raises(StillValidError):
            bench.rotator.refused(old)
    bench.rotator.destroy(made, bench.fence())
    bench.rotator.sweep([old], bench.fence())
    only(bench, old)


def quietly(step):
    try:
        step()
    except GuaritaError as error:
        return error
    return None


@pytest.mark.parametrize("step", ["create", "disable", "enable", "destroy"])
def test_a_runner_that_was_stopped_does_no_harm_when_it_wakes(bench, step):
    """It stops between its last look at the journal and the change; others finish its rotation, and two more."""
    bench.rotate()
    old, new = bench.begin()
    made = new if step == "create" else bench.create(new)
    live = []

    def others():
        if live:
            raise FencedOutError(bench.name, "the journal")
        live.append(None)
        done = bench.create(new)
        bench.publish(done)
        bench.switched()
        bench.retire(old, done)
        bench.rotate()
        live[0] = bench.rotate()

    if step == "enable":
        bench.rotator.disable(old, bench.fence())
    fence = dataclasses.replace(bench.fence(new.rotation), hold=others)
    late = {
        "create": lambda: bench.rotator.create(made, fence),
        "disable": lambda: bench.rotator.disable(old, fence),
        "enable": lambda: bench.rotator.enable(old, fence),
        "destroy": lambda: bench.rotator.destroy(old, fence),
    }[step]
    error = quietly(late)
    if not live:
        assert (bench.kind, step) in UNNEEDED
        return
    (current,) = live
    bench.rotator.probe(current)
    assert bench.name_of(current) in bench.valid()
    if bench.kind in {"redis", "jwt"}:  # the target compares the fence
        assert isinstance(error, FencedOutError)
        only(bench, current)
    # What slipped through elsewhere, the next run's sweep ends.
    bench.rotator.sweep([current], bench.fence())
    only(bench, current)
    bench.rotate()


UNNEEDED = {("pki", "disable"), ("pki", "enable"), ("transit", "destroy")}
"""Steps that change nothing here, and so have no moment to be late at."""


def test_nothing_that_is_shown_reveals_a_value(bench):
    old, new = bench.begin()
    made = bench.create(new)
    proofs = [bench.rotator.probe(made)]
    bench.publish(made)
    bench.switched()
    proofs += bench.retire(old, made)
    older, newer = bench.begin()
    newer = bench.create(newer)
    bench.publish(newer)
    bench.switched()
    proofs += bench.retire(older, newer)
    problems = bench.rotator.check(newer)
    shown = repr(
        [made, newer, proofs, problems, [c.handle for c in (made, newer)], bench.rotator.users(older)]
    )
    values = [
        v for c in (made, newer) for part in (c.values, c.material) for v in part.values() if len(v) > 12
    ]
    public = {made.handle.get("kid"), newer.handle.get("kid"), bench.published.get("role_id")}
    assert values
    assert not [value for value in values if value not in public and value in shown]


def test_a_value_that_does_not_work_is_no_proof(bench):
    made = bench.rotate()
    wrong = {
        "approle": {"secret_id": "0" * 64},
        "redis": {"password": "0" * 40},
        "pki": {
            "tls.key": bench.rotator.plan("x", None, __import__("secrets").token_bytes).values.get(
                "tls.key", ""
            )
        },
        "jwt": {
            "private_key": bench.rotator.plan("x", None, __import__("secrets").token_bytes).values.get(
                "private_key", ""
            )
        },
    }.get(bench.kind)
    broken = dataclasses.replace(made, values={**made.values, **wrong}) if wrong else Credential(
        rotation="x", handle={**made.handle, "version": "99"}
    )  # fmt: skip
    with pytest.raises(GuaritaError) as caught:
        bench.rotator.probe(broken)
    assert caught.value.code == f"{bench.kind}.other-key" if bench.kind == "jwt" else f"{bench.kind}.probe"
