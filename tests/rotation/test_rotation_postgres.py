"""The rotator of PostgreSQL at a real server: what it refuses to begin, the fence, the ladder, poolers, proofs."""

import dataclasses
import os
import signal

import msgspec
import poolers
import psycopg
import pytest
from enginebenches import PostgresBench
from psycopg import sql

from guarita.config.rotation_base import PlaceSource
from guarita.config.rotation_secrets import PgbouncerSection, PostgresAdminSection
from guarita.rotation.errors import (
    DriftError,
    FencedOutError,
    ProbeFailedError,
    StillInUseError,
    StillValidError,
    TransientError,
)
from guarita.rotation.interface import Credential
from guarita.rotation.parts import Parts
from guarita.rotation.rotators.build import build


@pytest.fixture
def bench(bao, postgres, tmp_path):
    made = PostgresBench(bao, tmp_path)
    yield made
    made.close()


def again(bench, **settings):
    """The rotator with other settings."""
    section = msgspec.structs.replace(bench.section, **settings)
    return build(bench.name, section, Parts(bench.vault, bench.folder))


def problems(bench, rotator=None):
    rotator = rotator or bench.rotator
    return {problem.code: problem for problem in rotator.check(rotator.current(bench.published))}


def run(bench, statement, *names):
    bench.admin.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def test_a_pair_that_is_well_made_has_no_problem(bench):
    assert problems(bench) == {}


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("DROP ROLE {b}", "postgres.no-role"),
        ("REVOKE {owner} FROM {b}", "postgres.not-a-member"),
        ("ALTER ROLE {b} CREATEDB", "postgres.not-alike"),
        ("ALTER ROLE {b} SET work_mem = '64MB'", "postgres.not-alike"),
        ("GRANT pg_monitor TO {a}", "postgres.not-alike"),
        ("CREATE TABLE of_{mark} (); GRANT SELECT ON of_{mark} TO {a}", "postgres.not-alike"),
        ("CREATE TABLE own_{mark} (); ALTER TABLE own_{mark} OWNER TO {a}", "postgres.owns-objects"),
    ],
)
def test_a_pair_that_is_not_alike_is_not_rotated(bench, statement, code):
    a, b = bench.users
    bench.admin.execute(statement.format(a=a, b=b, owner=bench.owner, mark=bench.mark))
    try:
        found = problems(bench)[code]
        assert found.hinders
        assert found.hint
    finally:
        bench.admin.execute(f"DROP TABLE IF EXISTS own_{bench.mark}, of_{bench.mark}")


def test_the_hint_mends_it(bench):
    run(bench, "REVOKE {} FROM {}", bench.owner, bench.users[1])
    bench.admin.execute(problems(bench)["postgres.not-a-member"].hint)
    assert problems(bench) == {}


def test_a_role_without_rights_is_told_which_it_lacks(bench):
    weak = f"weak_{bench.mark}"
    run(bench, "CREATE ROLE {} LOGIN PASSWORD 'weak'", weak)
    os.environ["WEAK"] = "weak"
    try:
        admin = PostgresAdminSection(user=weak, password=PlaceSource(env="WEAK"))
        found = problems(bench, again(bench, admin=admin, fence_schema=f"fence_{bench.mark}"))
        assert set(found) == {"postgres.admin-may-not", "postgres.no-fence"}
        for problem in found.values():
            bench.admin.execute(problem.hint)
        run(bench, "GRANT {} TO {} WITH ADMIN OPTION", bench.users[0], weak)
        rotator = again(bench, admin=admin, fence_schema=f"fence_{bench.mark}")
        assert problems(bench, rotator) == {}
        _, new = bench.begin()
        rotator.create(new, bench.fence())
        rotator.probe(new)
    finally:
        del os.environ["WEAK"]
        for user in bench.users:
            run(bench, "REVOKE {} FROM {}", user, weak)
        run(bench, "DROP SCHEMA IF EXISTS {} CASCADE", f"fence_{bench.mark}")
        run(bench, "DROP OWNED BY {}", weak)
        run(bench, "DROP ROLE {}", weak)


def test_an_idle_user_that_somebody_uses_hinders(bench):
    run(bench, "ALTER ROLE {} LOGIN PASSWORD 'x'", bench.users[1])
    with psycopg.connect(
        host="127.0.0.1", port=bench.server.port, dbname="postgres", user=bench.users[1], password="x",
        application_name="forgotten job",
    ):  # fmt: skip
        assert "forgotten job" in problems(bench)["postgres.idle-user-used"].message


def test_another_user_in_vault_is_nobody_of_ours(bench):
    with pytest.raises(DriftError) as drift:
        bench.rotator.current({"username": "root", "password": "x"})
    assert drift.value.code == "postgres.not-of-the-pair"


def test_a_smaller_fence_changes_nothing(bench):
    bench.rotate()
    old, new = bench.begin()
    late = bench.journal.late(bench.fence())
    bench.create(new)
    bench.rotator.probe(new)
    for step in (bench.rotator.disable, bench.rotator.enable, bench.rotator.destroy, bench.rotator.cut):
        with pytest.raises(FencedOutError):
            step(old, late)
    assert bench.valid() == {bench.name_of(old), bench.name_of(new)}


def test_one_pair_belongs_to_one_secret(bench):
    bench.rotate()
    other = build("other", bench.section, bench.parts)
    with pytest.raises(DriftError) as taken:
        other.disable(
            bench.rotator.current(bench.published),
            dataclasses.replace(bench.fence(), secret="other", token=999),
        )
    assert taken.value.code == "postgres.pair-taken"


def test_the_ladder_is_climbed_back(bench):
    old, new = bench.begin()
    bench.create(new)
    assert bench.logs_in(old.handle["user"], old.values["password"])
    with pytest.raises(StillValidError):
        bench.rotator.refused(old)
    bench.rotator.disable(old, bench.fence())
    assert bench.rotator.refused(old).kind == "login-refused"
    bench.rotator.enable(old, bench.fence())
    assert bench.logs_in(old.handle["user"], old.values["password"])
    bench.rotator.destroy(old, bench.fence())
    bench.rotator.enable(old, bench.fence())
    assert not bench.logs_in(old.handle["user"], old.values["password"])


def test_a_server_that_trusts_everybody_proves_nothing(bench, postgres):
    hba = postgres.data / "pg_hba.conf"
    kept = hba.read_text()
    _, new = bench.begin()
    bench.create(new)
    hba.write_text("host all all 127.0.0.1/32 trust\n")
    bench.admin.execute("SELECT pg_reload_conf()")
    try:
        with pytest.raises(ProbeFailedError) as failed:
            bench.rotator.probe(new)
        assert failed.value.code == "postgres.probe-proves-nothing"
    finally:
        hba.write_text(kept)
        bench.admin.execute("SELECT pg_reload_conf()")


def test_a_wrong_password_is_a_failed_probe_and_a_server_that_is_away_is_not(bench, postgres):
    _, new = bench.begin()
    bench.create(new)
    wrong = Credential(rotation="r", handle=new.handle, values={**new.values, "password": "canary-wrong"})
    with pytest.raises(ProbeFailedError) as failed:
        bench.rotator.probe(wrong)
    assert (
        "canary"
        not in f"{failed.value!r} {failed.value.message} {failed.value.__cause__} {failed.value.__context__}"
    )
    hung = again(bench, timeout_seconds=2.0)
    for pid in postgres.processes():
        os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(TransientError):
            hung.probe(new)
    finally:
        for pid in postgres.processes():
            os.kill(pid, signal.SIGCONT)


def test_a_pooler_lets_the_new_user_in_and_shows_who_uses_the_old(bench, postgres):
    with poolers.pgbouncer(postgres) as port:
        os.environ["WATCHER"] = "watching"
        section = PgbouncerSection(
            host="127.0.0.1",
            port=port,
            user="watcher",
            password=PlaceSource(env="WATCHER"),
            sslmode="disable",
        )
        rotator = again(bench, poolers=[section])
        old, new = bench.begin()
        bench.create(new)
        assert f"127.0.0.1:{port}" in rotator.probe(new).facts["servers"]
        # A client of the pooler that asks nothing has no session on the server.
        with psycopg.connect(
            host="127.0.0.1", port=port, dbname="postgres", user=old.handle["user"], password=old.values["password"],
            application_name="waits in the pooler",
        ):  # fmt: skip
            with pytest.raises(StillInUseError) as used:
                rotator.idle(old)
            assert f"127.0.0.1:{port}: 127.0.0.1 (waits in the pooler), 1" in used.value.users


def test_nobody_who_uses_it_is_a_number(bench):
    assert bench.rotator.idle(bench.rotator.current(bench.published)).facts["open"] == 0
