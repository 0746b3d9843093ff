"""docs/reports.md and docs/ci.md say what the code does: formats, samples, inputs."""

import re
from pathlib import Path

import pytest
import verdicts
import yaml

from guarita.scan.reports import FORMATS, reporter

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reports.md").read_text()
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))


def test_the_table_and_the_sections_name_every_format():
    assert sorted(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == sorted(FORMATS)
    assert sorted(SECTIONS) == sorted(FORMATS)


@pytest.mark.parametrize("name", ["text", "sarif", "junit", "gitlab", "json"])
def test_a_sample_is_what_the_reporter_writes(name):
    (sample,) = re.findall(r"```(?:text|json|xml)\n(.*?)```", SECTIONS[name], re.DOTALL)
    written = reporter(name).render(verdicts.unknown()).decode()
    assert sample in written


def test_the_pictures_are_there_and_load_nothing():
    named = [name for page in ("README.md", "docs/reports.md") for name in _pictures(ROOT / page)]
    assert {path.name for path in named} >= {"gate-failing.svg", "gate-passing.svg", "report.png"}
    for path in named:
        assert path.is_file()
        if path.suffix == ".svg":
            assert set(re.findall(r"\w+://[^\s\"<)]+", path.read_text())) == {"http://www.w3.org/2000/svg"}
        else:
            assert path.stat().st_size < 300_000


def _pictures(page: Path) -> list[Path]:
    return [
        (page.parent / name).resolve()
        for name in re.findall(r"(?:!\[[^\]]*\]\(|src=\")([^)\"]+\.(?:svg|png))", page.read_text())
    ]


def test_every_input_of_the_action_is_documented():
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    page = (ROOT / "docs/ci.md").read_text()
    assert re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE) == list(action["inputs"])
    assert all(f"`{name}`" in page for name in action["outputs"])
