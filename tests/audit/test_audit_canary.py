"""Nothing secret and nothing personal gets out: canary values are looked for in every byte that is left behind."""

import contextlib
import io
import logging
import os
import shutil
import sqlite3
import subprocess
import sysconfig
import tempfile
import traceback
from pathlib import Path

import pytest
from canaries import files, seen, spellings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guarita.audit import LedgerError, Personal, Query, Secret, events, open_ledger
from guarita.errors import GuaritaError, UsageError

GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"
CANARIES = st.builds(
    "".join,
    st.tuples(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
        st.just("Canário-"),
        st.text("0123456789abcdef", min_size=16, max_size=16),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    ),
)
HIDDEN = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@contextlib.contextmanager
def watched():
    """A folder, and whatever is logged, printed or raised while it is used, collected as bytes."""
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    folder = Path(tempfile.mkdtemp())
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            yield folder, lambda: files(folder) | {"said": said.getvalue().encode("utf-8", "surrogatepass")}
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        shutil.rmtree(folder)


@contextlib.contextmanager
def reported(*kinds):
    """What a caller might make of an error: log it with its traceback, print it, show its parts."""
    try:
        yield
    except kinds as error:
        logging.getLogger("test").exception("failed")
        print(str(error), repr(error), getattr(error, "hint", None), error.args)
        traceback.print_exception(error)
    else:
        pytest.fail("nothing was refused")


def every_event(value):
    """Every builder, with the value in each place that takes a personal one."""
    hidden = Personal(f"subject of {value}", value)
    now = {"time": 1}
    return [
        events.authentication(**now, user=hidden, source=hidden, service="s", success=False, reason="x"),
        events.authorize_session(**now, user=hidden, privileges=["p"], allowed=True),
        events.api_activity(
            **now, operation="o", actor=hidden, source=hidden, resource=hidden, details={"a": [{"b": hidden}]}
        ),
        events.data_security_finding(
            **now, finding_uid="f", document=hidden, counts={"BR_CPF": 1}, decision="block", severity="high"
        ),
        events.user_change(**now, user=hidden, activity="delete", actor=hidden),
        events.role_change(**now, user=hidden, roles=["r"], assigned=True, actor=hidden),
        events.detection_finding(
            **now,
            finding_uid="f",
            rule="r",
            title="t",
            severity="low",
            resource=hidden,
            details={"x": hidden},
        ),
    ]


@given(CANARIES)
@HIDDEN
def test_personal_values_are_in_no_byte_of_the_store_and_after_erasure_in_no_answer(canary):
    with watched() as (folder, left_behind):
        with open_ledger(str(folder / "ledger.db")) as ledger:
            ledger.append_all(every_event(canary))
            assert seen(canary, left_behind()) == []
            shown = [repr(one.event) for one in ledger.query(reveal=True)]
            assert all(repr(canary)[1:-1] in one for one in shown)
            for found in ledger.query():
                print(found)
            ledger.erase(f"subject of {canary}")
            for found in ledger.query(reveal=True):
                print(found)
            with sqlite3.connect(folder / "ledger.db") as one, sqlite3.connect(folder / "backup") as other:
                one.backup(other)
            assert seen(canary, left_behind()) == []
        assert seen(canary, left_behind()) == []


@given(CANARIES)
@HIDDEN
def test_secrets_are_refused_wherever_they_stand(canary):
    secret = Secret(canary)
    places = [
        {"operation": secret},
        {"actor": secret},
        {"resource": secret},
        {"reason": secret},
        {"details": {"a": {"b": [secret]}}},
        {"details": {"a": (1, secret)}},
        {"details": {secret: 1}},
        {"details": {"error": ValueError(canary)}},
        {"details": {"error": canary.encode(), "s": secret}},
        {"actor": Personal("s", secret)},
        {"actor": Personal(secret, "v")},
        {"actor": Personal("s", None), "details": {"s": secret}},
        {"uid": secret},
    ]
    with watched() as (folder, left_behind), open_ledger(str(folder / "ledger.db")) as ledger:
        ledger.append(events.api_activity(time=1, operation="first", actor="a"))
        for place in places:
            with reported(GuaritaError):
                ledger.append(events.api_activity(**{"time": 1, "operation": "o", "actor": "a"} | place))
            with reported(GuaritaError):
                ledger.append_all(
                    [events.api_activity(**{"time": 1, "operation": "o", "actor": "a"} | place)]
                )
        assert ledger.size == 1
        assert seen(canary, left_behind()) == []


@given(CANARIES)
@HIDDEN
def test_errors_about_values_that_cannot_be_kept_do_not_quote_them(canary):
    with watched() as (folder, left_behind):
        with open_ledger(str(folder / "ledger.db")) as ledger:
            for event in (
                events.api_activity(time=1, operation=f"{canary}\ud800", actor="a"),
                events.api_activity(time=1, operation="o", actor=Personal("s", f"{canary}\ud800")),
                events.api_activity(time=1, operation=canary * 3000, actor="a"),
                events.api_activity(time=1, operation="o", actor=Personal("s", canary * 3000)),
                events.api_activity(time=1, operation="o", actor="a", uid=canary * 40),
                events.api_activity(time=1, operation="o", actor="a", details={"x": {canary: object()}}),
                events.api_activity(time=float("nan"), operation=object(), actor=canary),
            ):
                with reported(GuaritaError):
                    ledger.append(event)
        assert seen(canary, left_behind()) == []


@given(CANARIES)
@HIDDEN
def test_errors_of_stores_that_fail_do_not_quote_what_was_being_written(canary):
    def personal():
        return every_event(canary)

    with watched() as (folder, left_behind):
        url = str(folder / "ledger.db")
        with open_ledger(url) as ledger:
            ledger.append(personal()[0])
            (folder / "ledger.db").rename(folder / "away")
            with reported(LedgerError):
                ledger.append_all(personal())
            with reported(LedgerError):
                ledger.erase(f"subject of {canary}")
            (folder / "away").rename(folder / "ledger.db")
        with reported(LedgerError):
            ledger.append_all(personal())
        with open_ledger(url) as ledger, sqlite3.connect(folder / "ledger.db") as other:
            other.execute("DROP TABLE body")
            other.commit()
            with reported(LedgerError):
                ledger.append_all(personal())
        (folder / "ledger.keys.db").write_bytes(os.urandom(4096))
        with contextlib.suppress(GuaritaError), open_ledger(url) as ledger, reported(GuaritaError):
            ledger.append_all(personal())
        assert seen(canary, left_behind()) == []


def test_commands_show_a_value_to_whoever_holds_its_key_and_never_in_errors(tmp_path):
    canary = "Canário 7f3a9c0e"
    with open_ledger(str(tmp_path / "ledger.db")) as ledger:
        ledger.append_all(every_event(canary))

    def run(*arguments, **more):
        done = subprocess.run(
            [GUARITA, "audit", *arguments, "--ledger", "ledger.db"],
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "COLUMNS": "200"},
            capture_output=True,
            check=False,
            **more,
        )
        return {f"{arguments[0]} stdout": done.stdout, f"{arguments[0]} stderr": done.stderr}

    assert seen(canary, run("query"))
    said = run("verify") | run("verify", "--json")
    said |= run("erase", "-", input=f"subject of {canary}\n".encode())
    said |= run("erase", "--json", f"subject of {canary}")
    for arguments in (("query",), ("query", "--json"), ("tail",), ("query", "--text", "audit")):
        said |= {f"{arguments} {name}": text for name, text in run(*arguments).items()}
    (tmp_path / "ledger.keys.db").write_bytes(b"not a database at all")
    said |= {f"broken {name}": text for name, text in run("query").items()}
    assert seen(canary, said | files(tmp_path)) == []


@pytest.mark.parametrize("where", [bytes, lambda raw: b"x" * 7 + raw, lambda raw: raw.hex().encode()])
def test_the_search_finds_what_it_is_for(tmp_path, where):
    import base64

    canary = "Canário 7f3a9c0e"
    for number, spelled in enumerate(
        (where(canary.encode()), base64.b64encode(b"ab" + canary.encode() + b"c"))
    ):
        (tmp_path / str(number)).write_bytes(spelled)
    assert {found.split(":")[0] for found in seen(canary, files(tmp_path))} == {"0", "1"}
    assert len(spellings(canary)) > 20


def test_a_query_never_reveals_unless_it_is_asked_to(tmp_path):
    with open_ledger(str(tmp_path / "l.db")) as ledger:
        ledger.append_all(every_event("Canário"))
        assert not any("Canário" in repr(found) for found in ledger.query(Query()))
        assert not any(b"Can" in leaf.body for leaf in ledger.entries())
    with pytest.raises(UsageError):
        open_ledger(str(tmp_path / "l.db"), sealing_key="env:NOT_SET")
