"""Without the extra of the sinks: the command works, and what is missing is named in a line."""

import subprocess
import sys

import pytest

from guarita.audit import open_ledger

RUN = """
import sys
sys.modules[{missing!r}] = None  # as if it were not installed
from guarita.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


def test_the_audit_commands_import_neither_client():
    code = "import guarita.audit.cli, sys; print(sorted({'httpx', 'obstore'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("missing", "sink"),
    [
        ("httpx", "{name: s, type: otlp, url: 'http://127.0.0.1:9/v1/logs'}"),
        ("httpx", "{name: s, type: elasticsearch, url: 'http://127.0.0.1:9', index: a}"),
        ("obstore", "{name: s, type: s3, bucket: b}"),
    ],
)
def test_a_missing_client_is_named(tmp_path, missing, sink):
    (tmp_path / "guarita.yaml").write_text(f"ledger:\n  url: l.db\n  sinks:\n  - {sink}\n")
    open_ledger(str(tmp_path / "l.db")).close()
    call = [sys.executable, "-c", RUN.format(missing=missing), "audit", "ship"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'guarita[ledger-sinks]'" in done.stderr
    assert "Traceback" not in done.stderr
