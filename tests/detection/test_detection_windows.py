"""Windows: every correlation detects what a naive evaluation of all windows does, in any order of events."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guarita.detection.engine.engine import Engine
from guarita.detection.sigma.load import load

SPAN = 10
TEXT = """title: A
name: a
logsource: {product: guarita, category: api}
detection: {s: {status_code: a}, condition: s}
---
title: B
name: b
logsource: {product: guarita, category: api}
detection: {s: {status_code: b}, condition: s}
---
title: C
name: c
correlation: {type: KIND, rules: [a, b], group-by: [actor.user.uid], timespan: 10s, condition: CONDITION}
"""
KINDS = {
    "event_count": ("{gte: 3}", lambda inside: len(inside) >= 3),
    "value_count": ("{gte: 3, field: message}", lambda inside: len({value for _, _, _, value in inside}) >= 3),
    "temporal": ("{gte: 2}", lambda inside: {code for _, _, code, _ in inside} == {"a", "b"}),
    "temporal_ordered": (
        "{gte: 2}",
        lambda inside: any(c == "a" and any(d == "b" for _, _, d, _ in inside[n:]) for n, (_, _, c, _) in enumerate(inside)),
    ),
}  # fmt: skip
EVENTS = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from("xy"), st.sampled_from("abz"), st.sampled_from("1234")), max_size=60
)  # fmt: skip


def naive(events, holds):
    seen, fires = {}, {}
    for index, (time, group, code, value) in enumerate(events):
        if code == "z":
            continue
        mine, fired = seen.setdefault(group, []), fires.setdefault(group, [])
        mine.append((time, index, code, value))
        mine.sort()
        for end in range(mine.index((time, index, code, value)), len(mine)):
            at = mine[end][0]
            if at > time + SPAN or any(abs(at - fire) <= SPAN for fire, _ in fired):
                continue
            if holds([one for one in mine[: end + 1] if one[0] >= at - SPAN]):
                fired.append((at, index))
                break
    return {(group, *fire) for group, fired in fires.items() for fire in fired}


@pytest.mark.parametrize("kind", KINDS)
def test_windows_are_exact(kind, tmp_path_factory):
    condition, holds = KINDS[kind]
    file = tmp_path_factory.mktemp("rules") / "c.yaml"
    file.write_text(TEXT.replace("KIND", kind).replace("CONDITION", condition))
    rules = load([file])

    @settings(max_examples=150, deadline=None)
    @given(EVENTS, st.booleans())
    def check(events, in_order):
        if in_order:
            events = sorted(events)
        engine = Engine(rules, lateness=1_000_000)
        found = {
            (dict(one.group)["actor.user.uid"], one.time // 1000, one.index)
            for index, (time, group, code, value) in enumerate(events)
            for one in engine.feed(
                {"class_uid": 6003, "time": time * 1000, "status_code": code, "message": value,
                 "actor": {"user": {"uid": group}}}, index,
            )
        }  # fmt: skip
        assert found == naive(events, holds)

    check()


def test_a_flood_of_groups_costs_no_group_that_has_more_and_is_told(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text(TEXT.replace("KIND", "event_count").replace("CONDITION", "{gte: 5}"))
    engine = Engine(load([file]), most=50)
    found = []
    for number in range(4000):
        who = "attacker" if number % 900 < 2 else f"u{number}"
        event = {
            "class_uid": 6003,
            "time": 1000 + number,
            "status_code": "a",
            "actor": {"user": {"uid": who}},
        }
        found += engine.feed(event, number)
    assert [(dict(one.group)["actor.user.uid"], one.count) for one in found] == [("attacker", 5)]
    assert len(engine.correlators["c"].groups) == 50
    assert engine.evicted["c"] > 3000


def test_an_attack_that_lasts_is_told_once_in_each_window(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text(TEXT.replace("KIND", "event_count").replace("CONDITION", "{gte: 5}"))
    engine = Engine(load([file]))
    event = {"class_uid": 6003, "status_code": "a", "actor": {"user": {"uid": "x"}}}
    found = [one for n in range(600) for one in engine.feed({**event, "time": n * 100}, n)]
    assert len(found) == 6
    assert all(after.first > before.time for before, after in pairwise(found))
