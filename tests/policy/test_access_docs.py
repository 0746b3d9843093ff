"""docs/access.md says what the code does: settings, codes, and examples that are read, run and answered as printed."""

import re
import subprocess
import sysconfig
from pathlib import Path

import msgspec

from guarita.config import gateway_access as settings
from guarita.policy.access import CODES, cases, parse

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "access.md").read_text(encoding="utf-8")
EXAMPLE, TESTS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"


def rows(title):
    lines = PAGE.partition(title)[2].splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("|"))
    found = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        name, text = (cell.strip() for cell in line.strip("|").split("|"))
        found[name.strip("`")] = text
    return found


def test_every_setting_stands_in_its_table():
    for title, kind in (
        ("## Roles", settings.RoleSection),
        ("## Bindings", settings.BindingSection),
        ("## Routes", settings.RouteSection),
        ("**Ownership**", settings.OwnerCondition),
    ):
        assert set(rows(title)) == {field.name for field in msgspec.structs.fields(kind)}, title


def test_every_code_is_listed_as_the_code_says_it():
    assert rows("## Codes") == CODES
    commands = ROOT / "security/guarita/gateway/cli"
    policy = ROOT / "policies/guarita/policy/access"
    sources = [
        *policy.glob("*.py"),
        commands / "access.py",
        commands / "replay.py",
        commands.parent / "imported.py",
    ]
    raised = {
        code
        for file in sources
        for code in re.findall(r'"(access\.[a-z-]+)"', file.read_text(encoding="utf-8"))
    }
    errors = set(
        re.findall(
            r"`(access\.[a-z-]+)`", PAGE.partition("is an error with file and line:")[2].partition("## ")[0]
        )
    )
    assert errors == raised - set(CODES)


def test_the_example_passes_its_own_tests():
    policy = parse(EXAMPLE.encode(), "guarita.yaml")
    ran = cases.Cases(TESTS.encode(), "policy-tests.yaml").run(policy)
    assert len(ran) == 5
    assert [one for one in ran if not one.passed] == []


def test_the_explanation_is_the_one_that_the_command_gives(tmp_path):
    (tmp_path / "guarita.yaml").write_text(EXAMPLE)
    shown = PAGE.partition("```text\n")[2].partition("```")[0]
    first = re.search(r"guarita gateway explain (PUT .*)", PAGE)[1]
    done = subprocess.run(
        [GUARITA, "gateway", "explain", *first.split()],
        cwd=tmp_path, env={"PATH": "/usr/bin:/bin", "COLUMNS": "120"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.startswith(shown), done.stdout
