"""docs/audit-sinks.md says what the code does: kinds, settings, formats, error codes, and an example that is read."""

import re
from pathlib import Path
from typing import get_args

import pytest

from guarita import config
from guarita.audit.cli import audit
from guarita.audit.export.lines import FORMATS
from guarita.audit.sinks.build import _BUILDERS
from guarita.config.sinks import SinkSection

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "audit-sinks.md").read_text(encoding="utf-8")
AUDIT = ROOT / "security" / "guarita" / "audit"
OURS = ("sinks", "export", "tiles", "retention", "cli/export.py", "cli/ship.py", "cli/archive.py")


def rows(title):
    """The table after a heading or a sentence: a list of cells for each row."""
    lines = PAGE.partition(title)[2].splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("|"))
    found = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def test_every_kind_and_its_settings_are_listed():
    listed = {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[3])) for row in rows("**What is promised.**")}
    kinds = {kind.__struct_config__.tag: kind for kind in get_args(SinkSection)}
    assert set(listed) == set(kinds)
    for name, kind in kinds.items():
        common = set() if name == "stdout" else {"name", "batch"}
        assert listed[name] | common == set(kind.__struct_fields__), name
    assert set(_BUILDERS) == set(kinds.values())


def test_every_format_is_listed():
    listed = {re.match(r"`(\w+)", row[0]).group(1) for row in rows("## Export")}
    assert listed == {"tiles", *FORMATS}


def test_every_error_code_is_listed():
    files = [
        path
        for part in OURS
        for path in ([AUDIT / part] if part.endswith(".py") else (AUDIT / part).rglob("*.py"))
    ]
    raised = {code for path in files for code in re.findall(r'"(audit\.[a-z0-9-]+)"', path.read_text())}
    # Codes of the log itself, and an operation's own name, stand elsewhere.
    raised -= {"audit.missing", "audit.edited"}
    listed = [row[0].strip("`") for row in rows("## Errors")]
    assert listed == sorted(listed)
    assert set(listed) == raised | {"audit.archived"}


def test_the_example_of_the_page_is_configuration():
    example = PAGE.partition("```yaml\n")[2].partition("```")[0]
    assert [sink.name for sink in config.parse(example.encode(), "page").ledger.sinks] == [
        "console", "files", "search", "telemetry", "bucket",
    ]  # fmt: skip


@pytest.mark.parametrize("command", re.findall(r"guarita audit (\w+)([^\n|`]*)", PAGE))
def test_every_command_and_option_that_is_named_is_there(command):
    name, rest = command
    known = {option for parameter in audit.commands[name].params for option in parameter.opts}
    assert set(re.findall(r"--[a-z]+", rest)) <= known
