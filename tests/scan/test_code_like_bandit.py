"""Our way through a file finds what bandit's own finds: the same tests at the same lines, on Python's own library."""

import ast
import io
import json
import keyword
import subprocess
import sys
import sysconfig
from pathlib import Path

import bandit
import pytest
from bandit.core import config, manager, node_visitor
from hypothesis import given, settings
from hypothesis import strategies as st

from guarita.scan.scanners.code import reach, visitor
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


def vocabulary():
    """Every name that stands in bandit's own checks of calls, whole and in its parts."""
    words = {"x", "__import__", "importlib.import_module"}
    for path in Path(bandit.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                parts = node.value.strip(".").split(".")
                if all(part.isidentifier() and not keyword.iskeyword(part) for part in parts):
                    words |= {*parts, ".".join(parts)}
    return sorted(words)


WORDS = vocabulary()
NAMES = st.sampled_from(WORDS)
KEYWORDS = st.sampled_from([w for w in WORDS if "." not in w])
VALUES = st.sampled_from(
    [
        "True",
        "False",
        "0",
        "1",
        "0o777",
        "'a'",
        "'tar *'",
        "'ls'",
        "['chmod', '*']",
        "{'a', 'b'}",
        "y",
        "y.z",
        "'md5'",
        "f(y)",
    ]
)
CALLS = st.builds(
    lambda name, values, named: f"{name}({', '.join([*values, *(f'{k}={v}' for k, v in named.items())])})",
    st.one_of(NAMES, st.builds("{}.{}".format, NAMES, NAMES)),
    st.lists(VALUES, max_size=3),
    st.dictionaries(KEYWORDS, VALUES, max_size=2),
)
LOOKED_FOR = ["django.db.models", "django.utils.safestring"]
"""Modules without which a check says nothing, beside those of one word."""
IMPORTS = st.one_of(
    st.builds("import {}".format, NAMES),
    st.builds("import {} as {}".format, NAMES, KEYWORDS),
    st.builds("from {} import {}".format, NAMES, KEYWORDS),
    st.builds("from {} import {} as {}".format, NAMES, KEYWORDS, KEYWORDS),
)


def outcome(content, *, everything):
    """What we find, or that a check failed; with `everything` each check is asked about each call."""
    with pytest.MonkeyPatch.context() as patched:
        if everything:
            patched.setattr(reach, "RELEASES", frozenset())
        visitor._reach.cache_clear()
        try:
            return facts(issues_of(PROFILE, "module.py", content, ast.parse(content)))
        except (TypeError, KeyError, IndexError, AttributeError):
            return "failed"
        finally:
            visitor._reach.cache_clear()


@settings(max_examples=150, deadline=None)
@given(st.lists(IMPORTS, max_size=3), st.lists(CALLS, min_size=1, max_size=12))
def test_no_call_by_any_name_that_bandit_knows_is_passed_over(imports, calls):
    content = "\n".join([*imports, *calls]).encode()
    assert outcome(content, everything=False) == outcome(content, everything=True)


def test_each_name_that_bandit_knows_is_judged_alike_with_and_without_arguments():
    imports = [*LOOKED_FOR, *sorted({word for word in WORDS if word.islower() and "." not in word})]
    arguments = ("x", "'a', 0o777", "'tar *', shell=True", "x, debug=True, verify=False", "1024, key_size=512",
                 "x, password='abc'", "x, ssl_version=PROTOCOL_SSLv3")  # fmt: skip
    prelude = [f"import {name}" for name in imports]
    spoken = set()
    for words in arguments:
        lines = [f"{name}({words})" for name in WORDS]
        content = "\n".join([*prelude, *lines]).encode()
        ours = outcome(content, everything=False)
        assert ours == outcome(content, everything=True) != "failed"
        spoken |= {test for test, *_ in ours}
    assert len(spoken) > 35


def test_a_check_that_fails_is_not_left_unasked():
    content = b"anything({[1]})\n"
    assert outcome(content, everything=False) == outcome(content, everything=True) == "failed"


def test_the_locked_bandit_is_one_whose_checks_were_read():
    assert reach.Reach([]).known


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
