"""Without the extras: what needs none works, and what is missing is named in a line."""

import subprocess
import sys

import pytest

CONFIGURATION = """
detection:
  alerts:
    channels:
      hook: {type: webhook, url: 'http://127.0.0.1:9', secrets: [{env: X}]}
      phone: {type: apprise, scheme: json, url: {env: X}}
      mail: {type: smtp, host: 127.0.0.1, port: 9, sender: a@b.c, to: [a@b.c]}
    routes:
      - {name: all, levels: [info, low, medium, high, critical], channels: [log]}
"""


@pytest.mark.parametrize(
    ("channel", "status", "says"),
    [
        ("hook", 2, "pip install 'guarita[alerts]'"),
        ("phone", 2, "pip install 'guarita[alerts-apprise]'"),
        ("mail", 3, "127.0.0.1: ConnectionRefusedError"),
    ],
)
def test_a_missing_extra_is_named(tmp_path, channel, status, says):
    (tmp_path / "guarita.yaml").write_text(CONFIGURATION)
    program = (
        "import sys\nsys.modules.update(httpx=None, apprise=None, requests=None, psycopg=None)\n"
        f"from guarita.cli.main import run\nsys.exit(run(['detect', 'alerts', 'test', {channel!r}]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
