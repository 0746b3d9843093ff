"""docs/rotation-sealed.md lists what the code has."""

import re
from pathlib import Path

from guarita import config
from guarita.rotation import sealed
from guarita.rotation.sealed import scope
from guarita.rotation.sealed.cli_seal import seal
from guarita.rotation.sealed.cli_unseal import unseal

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/rotation-sealed.md").read_text()


def test_every_refusal_is_listed():
    code = "".join(path.read_text() for path in Path(sealed.__file__).parent.glob("*.py"))
    raised = set(re.findall(r'"(sealed\.[a-z-]+)"', code))
    assert raised == set(re.findall(r"^\| `(sealed\.[a-z-]+)` \|", PAGE, re.MULTILINE))


def test_scopes_and_annotations_are_those_of_the_code():
    rows = re.findall(r"^\| `(\S+-wide|strict)` \|.*\| (?:`(\S+): \"true\"` )?\|$", PAGE, re.MULTILINE)
    assert rows == [
        ("strict", ""), ("namespace-wide", scope.NAMESPACE_WIDE), ("cluster-wide", scope.CLUSTER_WIDE)
    ]  # fmt: skip
    assert {name for name, _ in rows} == {one.value for one in scope.Scope}


def test_every_option_that_is_shown_exists():
    known = {word for command in (seal, unseal) for option in command.params for word in option.opts}
    shown = {
        word
        for line in re.findall(r"guarita (?:un)?seal .*", PAGE)
        for word in re.findall(r" (--?[a-z-]+)", line)
    }
    assert shown
    assert shown <= known


def test_the_configuration_is_valid():
    text = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL).group(1)
    assert config.parse(text.encode(), "page").rotation.sealing.url
