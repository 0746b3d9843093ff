"""docs/rotation-deploy.md lists the values, metrics, alerts and options that there are."""

import re
from pathlib import Path

import yaml

from guarita import config
from guarita.deploy.cli import FILES
from guarita.rotation.metrics import RunState, SecretState, exposition
from guarita.rotation.rbac.cli import rbac
from guarita.rotation.rbac.cli_manifests import DEPLOY

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/rotation-deploy.md").read_text()


def column(heading):
    """The words in backquotes of a table's first column."""
    table = PAGE.split(f"| {heading} |", 1)[1].split("\n\n")[0]
    return {word for row in table.splitlines()[2:] for word in re.findall(r"`([^`]+)`", row.split("|")[1])}


def test_alerts():
    rules = yaml.safe_load((FILES / "chart/files/rules/rotation.yaml").read_text())["groups"][0]["rules"]
    assert column("Alert") == {rule["alert"] for rule in rules}


def test_metrics():
    state = SecretState(name="a", kind="kv", max_age=1.0)
    written = {metric.name for metric in exposition([state], run=RunState(ended=1.0, success=True)).collect()}
    assert column("Metric") == written


def test_options():
    theirs = {"--ledger", "--config", "--quiet", "--json"}
    known = {word for option in rbac.params for word in option.opts if word.startswith("--")}
    assert column("Option") == known - theirs


def test_configuration_and_overlay():
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    overlay = yaml.safe_load(next(block for block in blocks if "Kustomization" in block))
    base = yaml.safe_load((DEPLOY / "base/kustomization.yaml").read_text())
    assert overlay["configMapGenerator"][0]["name"] == base["configMapGenerator"][0]["name"]
    assert overlay["images"][0]["name"] in (DEPLOY / "base/cronjob.yaml").read_text()
    section = config.parse(next(b for b in blocks if "metrics:" in b).encode(), "page").rotation
    assert section.metrics.pushgateway
