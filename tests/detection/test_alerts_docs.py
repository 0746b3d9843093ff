"""docs/alerts.md says what the code does: settings, channels, events, error codes, commands, and an example that is read."""

import base64
import re
from pathlib import Path
from typing import get_args

import pytest

from guarita import config
from guarita.config.detection_alerts import AlertsSection, ChannelSection, RouteSection
from guarita.detection.alerts import signature
from guarita.detection.alerts.channels.build import BUILDERS
from guarita.detection.alerts.records import ACTIVITY
from guarita.detection.cli.alerts import alerts

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/alerts.md").read_text(encoding="utf-8")
PART = ROOT / "security/guarita/detection"


def first_cells(title):
    table = re.search(rf"\n\| {re.escape(title)} \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE)[1]
    return [re.split(r"\s*(?<!\\)\|\s*", line.strip("| ")) for line in table.splitlines()]


def names(cell):
    return re.findall(r"`([a-z._-]+)`", cell)


def test_every_setting_is_listed():
    listed = {name for row in first_cells("Setting of a route") for name in names(row[0])}
    assert listed == set(RouteSection.__struct_fields__)
    listed = {name for row in first_cells("Setting of `detection.alerts`") for name in names(row[0])}
    assert listed == set(AlertsSection.__struct_fields__)


def test_every_channel_and_its_settings_are_listed():
    kinds = {kind.__struct_config__.tag: kind for kind in get_args(ChannelSection)}
    assert set(BUILDERS) == set(kinds.values())
    rows = {names(row[0])[0]: set(names(row[1])) for row in first_cells("Type")}
    assert set(rows) == set(kinds)
    common = {"timeout", "resolved", "ca_file", "proxy"}
    for name, kind in kinds.items():
        assert rows[name] - common == set(kind.__struct_fields__) - common, name


def test_every_event_and_every_error_code_is_listed():
    assert {name for row in first_cells("`api.operation`") for name in names(row[0])} == set(ACTIVITY)
    raised = {
        code for path in PART.rglob("*.py") for code in re.findall(r'"(alerts\.[a-z-]+)"', path.read_text())
    }
    listed = [names(row[0])[0] for row in first_cells("Code")]
    assert listed == sorted(listed)
    assert set(listed) == raised


def test_the_example_is_configuration():
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[1]
    section = config.parse(example.encode(), "page").detection.alerts
    assert {channel.__struct_config__.tag for channel in section.channels.values()} == {
        kind.__struct_config__.tag for kind in get_args(ChannelSection)
    }


@pytest.mark.parametrize("line", re.findall(r"guarita detect alerts ([^\n#|`]+)", PAGE))
def test_every_command_and_option_that_is_named_is_there(line):
    command = alerts.commands[line.split()[0]]
    known = {option for parameter in command.params for option in parameter.opts}
    assert set(re.findall(r"--[a-z]+", line)) <= known


def test_the_verifier_of_the_page_verifies():
    program = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1]
    found = {}
    exec(program, found)
    secret = "whsec_" + base64.b64encode(bytes(range(32))).decode()
    other = "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()
    now = int(found["time"].time())
    headers = signature.headers([other, secret], id_="m1", timestamp=now, content=b'{"a":1}')
    verified = found["verified"]
    assert verified(headers, b'{"a":1}', secret)
    assert verified(headers, b'{"a":1}', other)
    assert not verified(headers, b'{"a":2}', secret)
    assert not verified({**headers, "webhook-id": "m2"}, b'{"a":1}', secret)
    old = signature.headers([secret], id_="m1", timestamp=now - 301, content=b"x")
    assert not verified(old, b"x", secret)
