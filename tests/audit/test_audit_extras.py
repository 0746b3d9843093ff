"""The ledger alone is light: what needs an extra is imported where it is asked for, and its absence is one line."""

import subprocess
import sys

import pytest

HEAVY = ("psycopg", "hvac", "requests", "httpx", "obstore", "click", "rich")


def fresh(program):
    """What a new interpreter says, one that sees nothing but what is installed."""
    return subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=False)


def test_the_ledger_imports_none_of_its_extras(tmp_path):
    done = fresh(
        "import sys\nfrom guarita.audit import events, open_ledger\n"
        f"with open_ledger({str(tmp_path / 'l.db')!r}) as ledger:\n"
        "    ledger.append(events.api_activity(time=1, operation='x', actor='a'))\n"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)))\n"
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


@pytest.mark.parametrize(
    ("missing", "options", "extra"),
    [
        ("psycopg", "'postgresql://u@127.0.0.1:1/db'", "ledger-postgres"),
        ("hvac", "'l.db', key='vault:transit/ledger'", "ledger-vault"),
    ],
)
def test_a_missing_extra_is_named(tmp_path, missing, options, extra):
    done = fresh(
        f"import os, sys\nos.chdir({str(tmp_path)!r})\nsys.modules[{missing!r}] = None\n"
        "from guarita.audit import open_ledger\nfrom guarita.errors import UsageError\n"
        f"try:\n    open_ledger({options})\n"
        "except UsageError as error:\n    print(error.code, error.hint)\n"
    )
    assert done.stdout.split(maxsplit=1) == ["extra.missing", f"pip install 'guarita[{extra}]'\n"], (
        done.stderr
    )
