"""Rules: the pack holds, what cannot be evaluated is refused with its place, and values match as Sigma says."""

from pathlib import Path

import pytest

from guarita.detection.cases import judged
from guarita.detection.engine.engine import Engine
from guarita.detection.errors import RuleError
from guarita.detection.sigma.load import PACK, load

DOCS = Path(__file__).parents[2] / "docs" / "detection.md"
HEAD = "title: T\nname: r\nlevel: low\n"
SOURCE = "logsource: {product: guarita, category: api}\n"


def test_every_rule_of_the_pack_fires_where_it_must_and_nowhere_else():
    found = list(judged([PACK]))
    assert [(one.rule, one.name, one.message) for one in found if not one.holds] == []
    output = {name for name, one in load([PACK]).items() if one.output}
    assert output == {one.rule for one in found}
    assert len(output) >= 25
    assert all(len([one for one in found if one.rule == name]) >= 2 for name in output)


def test_a_case_that_does_not_hold_fails(tmp_path):
    (tmp_path / "r.yaml").write_text(f"{HEAD}{SOURCE}detection: {{a: {{status_code: x}}, condition: a}}\n")
    assert [one.holds for one in judged([tmp_path])] == [False]  # no cases
    (tmp_path / "r.cases.yaml").write_text(
        "cases: [{name: n, rule: r, fires: 1, events: [{category: api, set: {status_code: y}}]}]\n"
    )
    assert [(one.holds, one.message) for one in judged([tmp_path])] == [(False, "fired 0 times, not 1")]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (f"{HEAD}{SOURCE}detection:\n  a:\n    actor.user.uuid: x\n  condition: a\n", 7, "has this field"),
        (f"{HEAD}{SOURCE}detection:\n  a:\n    status_code|windash: x\n  condition: a\n", 7, "windash"),
        (f"{HEAD}{SOURCE}detection:\n  a:\n    src_endpoint.uid|cidr: 10.0.0.0/8\n  condition: a\n", 7, "sealed"),
        (f"{HEAD}{SOURCE}detection:\n  a: {{status_code|re: '(?=x)'}}\n  condition: a\n", 5, "invalid"),
        (f"{HEAD}{SOURCE}detection: {{a: {{status_code: x}}, condition: b}}\n", 5, "not defined"),
        (f"{HEAD}logsource: {{product: windows}}\ndetection: {{a: {{x: y}}, condition: a}}\n", 4, "product"),
        (f"{HEAD}colour: red\n{SOURCE}detection: {{a: {{x: y}}, condition: a}}\n", 4, "unknown key"),
        (f"{HEAD}tags: [attack.t11]\n{SOURCE}detection: {{a: {{x: y}}, condition: a}}\n", 4, "technique"),
        (f"{HEAD}correlation: {{type: event_count, rules: [q], timespan: 1m, condition: {{gte: 1}}}}\n", 4, "'q'"),
        (f"{HEAD}correlation: {{type: value_sum, rules: [r], timespan: 1m, condition: {{gte: 1, field: x}}}}\n", 4, ""),
    ],
)  # fmt: skip
def test_what_cannot_be_evaluated_is_refused_with_file_line_and_reason(tmp_path, text, line, reason):
    file = tmp_path / "r.yaml"
    file.write_text(text)
    with pytest.raises(RuleError) as caught:
        load([file])
    assert f"{file}:{line}:" in caught.value.message
    assert reason in caught.value.message


def fires(tmp_path, selection, event, condition="a"):
    (tmp_path / "r.yaml").write_text(
        f"{HEAD}{SOURCE}detection:\n  a: {selection}\n  b_1: {{status_code: b}}\n  b_2: {{status_code: bb}}\n"
        f"  condition: {condition}\n"
    )
    engine = Engine(load([tmp_path]))
    return bool(list(engine.feed({"class_uid": 6003, "time": 1, **event}, 0)))


SEALED = {"actor": {"user": {"uid": "sealed:v1:AAAAAAAAAAAAAAAAAAAAAA:xyz"}}}
LISTED = {"resources": [{"uid": "one"}, {"uid": "two"}]}
NUMBER = {"api": {"response": {"code": 403}}}


@pytest.mark.parametrize(
    ("selection", "event", "expected"),
    [
        ("{status_code: AbC}", {"status_code": "aBc"}, True),
        ("{status_code|cased: AbC}", {"status_code": "aBc"}, False),
        ("{status_code: 'a*c'}", {"status_code": "a\nXc"}, True),
        ("{status_code: 'a?c'}", {"status_code": "ac"}, False),
        (r"{status_code: 'a\*c'}", {"status_code": "a*c"}, True),
        (r"{status_code: 'a\*c'}", {"status_code": "abc"}, False),
        ("{status_code|contains|all: [a, b]}", {"status_code": "xbya"}, True),
        ("{status_code|contains|all: [a, b]}", {"status_code": "xbyb"}, False),
        ("{status_code|startswith: tok}", {"status_code": "token.x"}, True),
        ("{status_code|endswith: .x}", {"status_code": "token.x"}, True),
        ("{status_code|re: '^to.en'}", {"status_code": "token.x"}, True),
        ("{status_code|re: '^TO'}", {"status_code": "token.x"}, False),
        ("{status_code|re|i: '^TO'}", {"status_code": "token.x"}, True),
        ("{status_code|base64offset|contains: foobar}", {"status_code": "xxZm9vYmFyxx"}, True),
        ("{src_endpoint.ip|cidr: 10.0.0.0/8}", {"src_endpoint": {"ip": "10.1.2.3"}}, True),
        ("{src_endpoint.ip|cidr: 10.0.0.0/8}", {"src_endpoint": {"ip": "11.1.2.3"}}, False),
        ("{api.response.code: 403}", NUMBER, True),
        ("{api.response.code|gt: 403}", NUMBER, False),
        ("{api.response.code|gte: 403}", NUMBER, True),
        ("{api.response.code|lt: 404}", NUMBER, True),
        ("{status_code: null}", {}, True),
        ("{status_code: null}", {"status_code": "x"}, False),
        ("{status_code|exists: true}", {"status_code": "x"}, True),
        ("{status_code|exists: false}", {"status_code": "x"}, False),
        ("{status_code|neq: x}", {"status_code": "x"}, False),
        ("{resources.uid: two}", LISTED, True),
        ("{resources.uid: three}", LISTED, False),
        ("{status_code|fieldref: message}", {"status_code": "a", "message": "A"}, True),
        ("{status_code|fieldref: message}", {"status_code": "a", "message": "b"}, False),
        ("['needle']", {"unmapped": {"guarita": {"deep": ["a NEEDLE here"]}}}, True),
        ("['xyz']", SEALED, False),
        ("{actor.user.uid|contains: A}", SEALED, False),
        ("{actor.user.uid: '*'}", SEALED, True),
        ("[{status_code: x}, {message: y}]", {"message": "y"}, True),
    ],
)
def test_values_match_as_the_specification_says(tmp_path, selection, event, expected):
    assert fires(tmp_path, selection, event) is expected


@pytest.mark.parametrize(
    ("condition", "code", "expected"),
    [
        ("1 of b_*", "bb", True), ("all of b_*", "bb", False), ("not a and 1 of b_*", "b", True),
        ("a or (b_1 and not b_2)", "b", True), ("1 of them", "z", False),
    ],
)  # fmt: skip
def test_conditions_join_selections(tmp_path, condition, code, expected):
    assert fires(tmp_path, "{status_code: a}", {"status_code": code}, condition) is expected


# ATT&CK 17, as far as the pack uses it.
TECHNIQUES = {
    "T1078", "T1087", "T1098", "T1110", "T1110.001", "T1110.003", "T1110.004", "T1190", "T1213", "T1485", "T1499", "T1528",
    "T1550.001", "T1552", "T1562.001", "T1562.008", "T1567", "T1606",
}  # fmt: skip


def test_the_docs_list_the_pack_and_its_techniques_are_real():
    rules = [one for one in load([PACK]).values() if one.output]
    named = {one.name: {tag[7:].upper() for tag in one.tags if tag.startswith("attack.t")} for one in rules}
    assert set().union(*named.values()) <= TECHNIQUES
    rows = [
        [cell.strip(" `") for cell in line.split("|")[1:5]]
        for line in DOCS.read_text().splitlines()
        if line.count("|") == 5
    ]
    listed = {name: (level, set(tags.split()), title) for name, level, tags, title in rows}
    for one in rules:
        assert listed[one.name] == (one.level, named[one.name], one.title)
    assert {name for name in listed if name not in named} <= {"Rule", "---"}
