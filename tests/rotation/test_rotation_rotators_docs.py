"""docs/rotation-rotators.md shows what works and lists what there is."""

import re
from pathlib import Path

import pytest

from guarita import config
from guarita.rotation.rotators import build

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/rotation-rotators.md").read_text()
FOLDER = Path(build.__file__).parent
OURS = ("redis", "jwt", "pki", "approle", "transit")


def chapter(kind):
    return re.search(rf"^## {kind}\n(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL).group(1)


def test_every_kind_is_listed():
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == set(build.MODULES)


@pytest.mark.parametrize("kind", OURS)
def test_what_is_shown_is_valid(kind):
    text = re.search(r"```yaml\n(.*?)```", chapter(kind), re.DOTALL).group(1)
    (secret,) = config.parse(text.encode(), "page").rotation.secrets.values()
    assert build.kind_of(secret) == kind


@pytest.mark.parametrize("kind", OURS)
def test_every_problem_is_listed(kind):
    files = (
        [FOLDER / f"{kind}.py"] if (FOLDER / f"{kind}.py").exists() else list((FOLDER / kind).glob("*.py"))
    )
    code = "".join(path.read_text() for path in files)
    found = set(re.findall(r'Problem\(\s*code="([a-z.-]+)"', code))
    assert found == set(re.findall(r"^\| `([a-z]+\.[a-z-]+)` \|", chapter(kind), re.MULTILINE))


@pytest.mark.parametrize("kind", OURS)
def test_each_chapter_says_what_has_to_be_said(kind):
    for word in ("Steps", "Fence", "Way back", "Needs"):
        assert f"**{word}.**" in chapter(kind)


def test_the_rights_of_the_redis_admin_are_said_once_alike():
    node = (FOLDER / "redis" / "node.py").read_text()
    rights = re.search(r'hint="it needs (.*?)"\s+"(.*?)"', node)
    assert " ".join("".join(rights.groups()).split()) in " ".join(PAGE.split())
