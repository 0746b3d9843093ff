"""docs/deploy.md lists the values that there are, and the roles as the Dockerfile has them."""

import json
import re
from pathlib import Path

import yaml

from guarita import config
from guarita.deploy.cli import FILES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/deploy.md").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def table(heading):
    rows = PAGE.split(f"| {heading} |", 1)[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in rows]


def test_values():
    schema = json.loads((FILES / "chart/values.schema.json").read_text())
    values = yaml.safe_load((FILES / "chart/values.yaml").read_text())
    assert [row[0] for row in table("Value")] == list(values)
    assert set(values) == set(schema["properties"]) - {"global"}


def test_roles_and_what_they_are_made_of():
    roles = dict(re.findall(r"^#   (\w+) +([\w,-]+)$", DOCKERFILE, re.MULTILINE))
    assert {row[0]: row[1] for row in table("Role")} == roles
    extras = re.findall(r"^([\w-]+) = \[", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    named = {extra for words in roles.values() for extra in words.split(",")}
    assert named <= set(extras)


def test_the_image_copies_what_the_context_lets_in_and_runs_as_a_number():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[1] == "*"
    copied = [words.split()[:-1] for words in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)]
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    assert {source for sources in copied for source in sources} == allowed
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["65532:65532"]
    assert "--require-hashes" in DOCKERFILE


def test_the_profiles_shown_are_valid():
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert config.parse_placed(block.encode(), "page", "production")[0].ledger.url.startswith("postgresql")
