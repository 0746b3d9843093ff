"""What docs/gateway.md and the README show is what works."""

import re
import runpy
from pathlib import Path

from guarita import config

ROOT = Path(__file__).parents[2]


def block(file, language):
    return re.search(rf"```{language}\n(.*?)```", (ROOT / file).read_text(), re.DOTALL).group(1)


def run(path, text, names):
    path.write_text(text)
    return runpy.run_path(str(path), init_globals=names)


def test_the_configuration_is_valid():
    section = config.parse(block("docs/gateway.md", "yaml").encode(), "docs").gateway
    assert section.access.routes
    assert section.limits
    assert section.uncovered == "refuse"


def test_the_ten_lines_run(tmp_path, monkeypatch):
    text = block("docs/gateway.md", "yaml").replace("sqlite:///keys.db", f"sqlite:///{tmp_path}/keys.db")
    (tmp_path / "guarita.yaml").write_text(re.sub(r"  api_keys:.*\n.*\n.*\n", "", text))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOGIN_SECRET", "of the tests")
    names = run(tmp_path / "readme.py", block("README.md", "python"), {})
    assert any(route.path == "/docs/{number}" for route in names["app"].routes)
    run(tmp_path / "page.py", block("docs/gateway.md", "python"), names)
