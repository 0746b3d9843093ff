"""The page and the severity table say what the code does."""

import re
from pathlib import Path

from guarita.pii.entities import TITLES
from guarita.policy.severity import load_table

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "pii.md").read_text()


def test_the_page_lists_every_type():
    assert set(re.findall(r"^\| `(PII_\w+)`", PAGE, re.MULTILINE)) == set(TITLES)


def test_the_page_lists_every_code():
    folder = ROOT / "scanners" / "guarita" / "pii"
    used = {
        code
        for path in folder.rglob("*.py")
        for code in re.findall(r'"(document\.[a-z-]+)"', path.read_text())
    }
    assert set(re.findall(r"^\| `(document\.[a-z-]+)`", PAGE, re.MULTILINE)) == used


def test_every_type_has_a_severity_of_its_own():
    assert {name for name in TITLES if load_table().lookup(name, confidence="high").pattern != name} == set()
