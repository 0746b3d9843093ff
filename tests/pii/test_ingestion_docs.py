"""docs/ingestion.md says what the code does."""

import re
from pathlib import Path

import msgspec
import pytest

from guarita import config
from guarita.config.pii_handling import HandlingRule, HandlingSection, QueueSection, ReadingSection
from guarita.pii import Decision
from guarita.pii.cli import pii
from guarita.pii.handling import DataClass
from guarita.pii.handling.policy import BUILTIN
from guarita.pii.ingest.interface import REASONS
from guarita.pii.redaction.redact import REDACTORS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "ingestion.md").read_text()


def listed(heading):
    """The first column of the table under this head."""
    table = re.search(rf"^\| {re.escape(heading)} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    return [name for row in table[1].splitlines() for name in re.findall(r"`([^`]+)`", row.split(" | ")[0])]


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("Decision", [decision.value for decision in Decision]),
        ("Class", [data_class.value for data_class in DataClass]),
        ("Rule", [rule.name for rule in BUILTIN]),
        ("Reason", [*REASONS, "document.…"]),
        ("Setting", [field.name for field in msgspec.structs.fields(HandlingRule)]),
        ("Setting of `pii.handling`", [field.name for field in msgspec.structs.fields(HandlingSection)]),
        ("Setting of `pii.reading`", [field.name for field in msgspec.structs.fields(ReadingSection)]),
        ("Setting of `pii.queue`", [field.name for field in msgspec.structs.fields(QueueSection)]),
        ("Kind", list(REDACTORS)),
    ],
)
def test_tables_list_what_there_is(heading, expected):
    assert sorted(listed(heading)) == sorted(expected)


def test_every_command_is_there():
    for name in pii.commands:
        assert f"guarita pii {name}" in PAGE


def test_the_configuration_is_valid():
    section = config.parse(re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[1].encode(), "docs").pii
    assert [rule.name for rule in section.handling.rules] == ["public-mailboxes", "hr-numbers"]


def test_the_lines_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "guarita.yaml").write_text("pii: {names: 'off'}\n")
    shown = []
    names = {
        "content": b"nome;cpf\nx;529.982.247-25\n",
        "index": shown.append,
        "hold": lambda reasons: pytest.fail(str(reasons)),
    }
    exec(re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1], names)
    assert shown == [b"nome;cpf\nx;[CPF]\n"]
