"""The page and the severity table say what the code does."""

import re
from pathlib import Path

from guarita.config import parse
from guarita.config.pii import PiiSection
from guarita.pii.entities import TITLES
from guarita.pii.settings import detector
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


def test_the_page_lists_every_setting_of_detection_and_its_example_is_one():
    listed = re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.MULTILINE)
    example = re.search(r"## Settings\n\n```yaml\n(.*?)```", PAGE, re.DOTALL).group(1)
    section = parse(
        example.replace("  plugins: ['our_package.recognizers:TicketRecognizer']\n", "").encode(), "page"
    ).pii
    detector(section, "acme")
    detection = {
        "names",
        "threshold",
        "ignore",
        "enable",
        "engine",
        "allow",
        "deny",
        "recognizers",
        "plugins",
        "tenants",
    }
    assert detection <= set(PiiSection.__struct_fields__)
    assert detection <= set(listed)
    assert detection == set(re.findall(r"^  ([a-z]+):", example, re.MULTILINE))


def test_the_page_lists_every_code_of_detection():
    folder = ROOT / "scanners" / "guarita" / "pii"
    modules = [folder / "settings.py", *(folder / "names").glob("*.py")]
    used = {code for path in modules for code in re.findall(r'"(pii\.[a-z-]+)"', path.read_text())}
    assert used <= set(re.findall(r"^\| `(pii\.[a-z-]+)`", PAGE, re.MULTILINE))
