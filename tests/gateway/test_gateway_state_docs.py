"""What the pages on keys and limits list is what the code says."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GATEWAY = ROOT / "security/guarita/gateway"


@pytest.mark.parametrize(
    ("page", "prefixes", "places"),
    [
        ("gateway-keys.md", "apikey", ["apikeys", "cli/keys.py"]),
        (
            "gateway-limits.md",
            "limit|redis|revocation|token",
            ["limits", "shared.py", "revocation", "cli/revoke.py"],
        ),
    ],
)
def test_the_page_lists_every_code(page, prefixes, places):
    sources = [
        path
        for place in places
        for path in ([GATEWAY / place] if "." in place else (GATEWAY / place).glob("*.py"))
    ]
    code = rf"(?:{prefixes})\.[a-z-]+"
    raised = {found for path in sources for found in re.findall(f'"({code})"', path.read_text())}
    table = (ROOT / "docs" / page).read_text().partition("## Codes")[2]
    assert set(re.findall(rf"^\| `({code})`", table, re.MULTILINE)) == raised


def test_the_pattern_on_the_page_is_the_keys():
    from guarita.gateway.apikeys import form

    assert rf"\b{form.PATTERN}\b" in (ROOT / "docs/gateway-keys.md").read_text()
