"""docs/rotation.md lists what there is, and shows what works."""

import re
from pathlib import Path

import click

from guarita import config
from guarita.config.load import json_schema
from guarita.rotation.cli import rotate
from guarita.rotation.journal import Phase
from guarita.rotation.templates import FILTERS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/rotation.md").read_text()
PACKAGE = ROOT / "secrets/guarita/rotation"


def chapter(title):
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL).group(1)


def first_column(text):
    rows = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def test_what_is_shown_is_valid():
    section = config.parse(
        re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL).group(1).encode(), "page"
    ).rotation
    assert set(section.secrets) == {"webhook", "login"}
    assert section.windows


def test_every_command_is_listed():
    assert isinstance(rotate, click.Group)
    assert first_column(chapter("Commands")) == [f"guarita rotate {name}" for name in rotate.commands]


def test_every_phase_is_listed():
    assert first_column(chapter("What happens, and in which order")) == [str(phase) for phase in Phase]


def test_every_setting_is_listed():
    known = json_schema()["$defs"]
    shown = first_column(chapter("Settings"))
    common = [
        "type",
        *(
            name
            for name in known["KvSecret"]["properties"]
            if name not in {"type", "vault", "fields", "probe"}
        ),
    ]
    assert shown == [*known["RotationSection"]["properties"], *common]
    delivery = re.search(
        r"Of each `deliver`:(.*?)\n\n|Of each `deliver`:(.*)\Z", chapter("Settings"), re.DOTALL
    ).group(0)
    for name in known["DeliverySection"]["properties"]:
        assert f"`{name}`" in delivery
    for name in FILTERS:
        assert f"|{name}}}`" in delivery


def codes(*prefixes):
    files = [
        path for path in PACKAGE.rglob("*.py")
        if not {"kube", "rbac", "sealed", "metrics", "drill"} & set(path.relative_to(PACKAGE).parts)
    ]  # fmt: skip
    text = "".join(path.read_text() for path in files)
    found = {code for prefix in prefixes for code in re.findall(rf'"({prefix}\.[a-z-]+)"', text)}
    return found - {"rotation.asked"}  # a reason, not an error


def test_every_error_is_listed():
    problems = first_column(chapter("postgres"))
    assert set(problems) | set(first_column(chapter("Errors"))) == codes("rotation", "postgres", "vault")


def test_every_problem_of_postgres_is_listed():
    text = "".join(path.read_text() for path in (PACKAGE / "rotators/postgres").glob("*.py"))
    found = set(re.findall(r'Problem\(\s*code="([a-z.-]+)"', text))
    assert found == set(first_column(chapter("postgres")))


def test_the_way_out_of_a_journal_that_is_behind_names_the_table():
    from guarita.config.rotation_secrets import PostgresSecret

    schema = next(
        field.default
        for field in __import__("msgspec").structs.fields(PostgresSecret)
        if field.name == "fence_schema"
    )
    assert f"UPDATE {schema}.fence SET token = 0 WHERE pair" in PAGE
