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


NESTED = """title: A
name: a
logsource: {product: guarita, category: api}
detection: {s: {status_code: a}, condition: s}
---
title: Logins
name: logins
logsource: {product: guarita, category: authentication}
detection: {s: {status_id: 1}, condition: s}
---
title: Many
name: many
correlation: {type: event_count, rules: a, group-by: [src_endpoint.uid], timespan: 10s, condition: {gte: 3}}
---
title: Many, then a login from the same address
name: then
correlation:
  type: temporal_ordered
  rules: [many, logins]
  group-by: [from]
  aliases: {from: {many: src_endpoint.uid, logins: src_endpoint.ip}}
  timespan: 1m
  GENERATE
---
title: Nothing more
name: silence
correlation: {type: event_count, rules: [a], group-by: [src_endpoint.uid], timespan: 30s, condition: {lt: 1}}
guarita: {until: logout}
---
title: A logout
name: logout
logsource: {product: guarita, category: api}
detection: {s: {status_code: out}, condition: s}
"""


def nested(tmp_path, generate):
    file = tmp_path / "c.yaml"
    file.write_text(NESTED.replace("GENERATE", f"generate: {generate}"))
    engine = Engine(load([file]))
    stream = [
        {"class_uid": 6003, "time": n * 1000, "status_code": "a", "src_endpoint": {"uid": who}}
        for n in range(3)
        for who in ("x", "y")
    ]
    stream += [{"class_uid": 3002, "time": 9000, "status_id": 1, "src_endpoint": {"ip": "x"}}]
    stream += [{"class_uid": 6003, "time": 9500, "status_code": "out", "src_endpoint": {"uid": "y"}}]
    found = [one for index, event in enumerate(stream) for one in engine.feed(event, index)]
    assert list(engine.due(32_000)) == []
    found += engine.due(32_001)
    assert list(engine.due(99_000)) == []
    return [(one.rule.name, dict(one.group), one.time) for one in found]


def test_correlations_stand_on_correlations_by_alias_and_an_absence_ends_in_order(tmp_path):
    deeper = [("then", {"from": "x"}, 9000), ("silence", {"src_endpoint.uid": "x"}, 32_000)]
    assert nested(tmp_path, "false") == deeper
    assert nested(tmp_path, "true") == [
        ("many", {"src_endpoint.uid": "x"}, 2000),
        ("many", {"src_endpoint.uid": "y"}, 2000),
        ("logins", {}, 9000),
        *deeper,
    ]
