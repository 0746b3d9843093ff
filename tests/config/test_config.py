"""guarita.yaml: what is wrong is named with file, line and what was expected."""

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guarita import config
from guarita.errors import UsageError


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (
            "scan:\n  fail_onn: high\n",
            "config.unknown-key",
            ["g.yaml:2", "scan.fail_onn", "did you mean 'fail_on'"],
        ),
        ("ledgr: {}\n", "config.unknown-key", ["g.yaml:1", "did you mean 'ledger'"]),
        ("scan:\n  fail_on: mediun\n", "config.value", ["g.yaml:2", "one of: critical, high"]),
        ("scan:\n  waivers:\n  - owner: a\n    reason: b\n    expires: soon\n", "config.value", ["g.yaml:5"]),
        ("scan:\n  waivers:\n  - owner: a\n    reason: b\n", "config.value", ["g.yaml:3", "expires"]),
        ("scan: []\n", "config.value", ["g.yaml:1", "mapping"]),
        ("scan: {}\nscan: {}\n", "config.duplicate-key", ["g.yaml:2"]),
        ("scan: {\n", "config.syntax", ["g.yaml:2"]),
        ("scan: !!python/object:os.system x\n", "config.tag", ["g.yaml:1"]),
        ("a: &a [*a]\n", "config.too-large", []),
        ("scan:\n  timeout: 0\n", "config.value", ["g.yaml:2"]),
    ],
)
def test_an_error_says_where_and_what(text, code, words):
    with pytest.raises(UsageError) as caught:
        config.parse(text.encode(), "g.yaml")
    assert caught.value.code == code
    said = f"{caught.value.message} {caught.value.hint}"
    assert all(word in said for word in words), said


def test_billion_laughs_are_refused():
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
    )
    with pytest.raises(UsageError) as caught:
        config.parse(bomb.encode(), "g.yaml")
    assert caught.value.code == "config.too-large"


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_any_bytes_are_configuration_or_a_usage_error(text):
    try:
        config.parse(text, "g.yaml")
    except UsageError as error:
        said = error.message
    else:
        said = "g.yaml"
    assert said.startswith("g.yaml")


def test_the_schema_for_editors_agrees_with_the_decoder():
    schema = config.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    good = {"scan": {"fail_on": "high", "exclude": [{"name": "x", "paths": ["a"], "reason": "b"}]}}
    jsonschema.validate(good, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"scan": {"fail_onn": "high"}}, schema)
