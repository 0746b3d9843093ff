"""What docs/gateway.md and the README show is what works."""

import re
from pathlib import Path

from guarita import config

ROOT = Path(__file__).parents[2]


def block(file, language):
    return re.search(rf"```{language}\n(.*?)```", (ROOT / file).read_text(), re.DOTALL).group(1)


def test_the_configuration_is_valid():
    section = config.parse(block("docs/gateway.md", "yaml").encode(), "docs").gateway
    assert section.access.routes
    assert section.limits
    assert section.uncovered == "refuse"


def test_the_ten_lines_run(tmp_path, monkeypatch):
    text = block("docs/gateway.md", "yaml").replace("sqlite:///keys.db", f"sqlite:///{tmp_path}/keys.db")
    (tmp_path / "guarita.yaml").write_text(re.sub(r"  api_keys:.*\n.*\n.*\n", "", text))
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(block("README.md", "python"), names)
    assert any(route.path == "/docs/{number}" for route in names["app"].routes)
    exec(block("docs/gateway.md", "python"), names)
