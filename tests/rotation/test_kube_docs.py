"""docs/rotation-kubernetes.md lists what there is."""

import ast
import re
from pathlib import Path

import pytest

from guarita import config
from guarita.rotation.kube import cluster, names, obstacles, references, rights

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/rotation-kubernetes.md").read_text()


def test_every_problem_is_listed_with_whether_it_hinders():
    found = {}
    for module in (obstacles, cluster, rights):
        for call in ast.walk(ast.parse(Path(module.__file__).read_text())):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Problem":
                said = {keyword.arg: getattr(keyword.value, "value", None) for keyword in call.keywords}
                found[said["code"]] = "yes" if said.get("hinders", True) else "no"
    listed = dict(re.findall(r"^\| `(kube\.[a-z-]+)` \| (yes|no) \|", PAGE, re.MULTILINE))
    assert listed == found


def test_what_is_shown_is_valid():
    text = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL).group(1)
    section = config.parse(text.encode(), "page").rotation
    assert section.secrets["login"].deliver[0].canary is True


@pytest.mark.parametrize("kind", references._VOLUMES)
def test_every_kind_of_volume_is_listed(kind):
    row = re.search(r"^\| volumes \|.*$", PAGE, re.MULTILINE).group()
    assert f"`{kind}" in row


def test_names_are_as_they_are_written():
    for name in (
        names.IN_TRAFFIC,
        "rotation.guarita.dev/shop-login",
        "fence.rotation.guarita.dev/NAME",
        names.MANAGER,
    ):
        assert name in PAGE
    assert (
        names.template_annotation(cluster.Delivery(cluster="c", namespace="shop", name="shop-login")) in PAGE
    )
    assert names.fence_annotation("NAME") in PAGE
