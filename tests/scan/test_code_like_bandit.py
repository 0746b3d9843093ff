"""Our way through a file finds what bandit's own finds: the same tests at the same lines, on Python's own library."""

import ast
import io
import json
import subprocess
import sys
import sysconfig
from pathlib import Path

from bandit.core import config, manager, node_visitor
from hypothesis import given
from hypothesis import strategies as st

from guarita.scan.scanners.code.visitor import issues_of

LIBRARY = Path(sysconfig.get_path("stdlib"))
PROFILE = config.BanditConfig()


def facts(issues):
    return sorted(
        (i.test_id, i.severity, i.confidence, i.lineno, tuple(i.linerange), i.col_offset, i.text)
        for i in issues
    )


def bandits_own(content):
    runner = manager.BanditManager(PROFILE, "file")
    runner.metrics.begin("module.py")
    visitor = node_visitor.BanditNodeVisitor(
        "module.py", io.BytesIO(content), runner.b_ma, runner.b_ts, False, {}, runner.metrics
    )
    visitor.process(content)
    return facts(visitor.tester.results)


def test_files_of_the_standard_library_are_judged_alike():
    found = 0
    for path in sorted(LIBRARY.glob("*.py"))[::6]:
        content = path.read_bytes()
        ours = facts(issues_of(PROFILE, "module.py", content, ast.parse(content)))
        assert ours == bandits_own(content), path.name
        found += len(ours)
    assert found > 50


LINES = st.sampled_from([
    "import subprocess, os, pickle", "subprocess.run(x, shell=True)", "password = 'abc'", "assert x", "exec(y)",
    "def f(token='abc'):\n    return eval(token)", "class A:\n    def g(self):\n        try:\n            pass\n        except: pass",
    "from hashlib import md5 as m\nm(b'')", "x = f'SELECT {y}'", "os.chmod('a', 0o777)", "'0.0.0.0'", "b'x'",
    "lambda: pickle.loads(z)", "async def h():\n    assert [i for i in range(9) if i]", "__import__('telnetlib')",
])  # fmt: skip


@given(st.lists(LINES, max_size=8))
def test_any_mixture_is_judged_alike(lines):
    content = "\n".join(lines).encode()
    assert facts(issues_of(PROFILE, "module.py", content, ast.parse(content))) == bandits_own(content)


def test_the_worker_says_so_over_its_pipe(tmp_path):
    path = tmp_path / "a.py"
    path.write_text("import pickle\npickle.loads(x)\n")
    request = json.dumps({"path": str(path), "notebook": False}).encode() + b"\n"
    done = subprocess.run(
        [sys.executable, "-I", "-m", "guarita.scan.scanners.code.worker"],
        input=request,
        capture_output=True,
        check=True,
    )
    answer = json.loads(done.stdout)
    assert sorted(found["rule"] for found in answer["findings"]) == ["B301", "B403"]
