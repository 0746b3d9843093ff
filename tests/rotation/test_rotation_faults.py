"""Runners at servers that seal, restart and dawdle, beside each other, with clocks that jump."""

import json
import os
import signal
import time
from pathlib import Path

import jsonschema
import psycopg
import pytest
from driving import Driver
from enginebenches import KvBench, PostgresBench

from guarita.rotation.errors import FencedOutError
from guarita.rotation.journal import Phase


def held_at(case, part, *args):
    """A runner that is stopped before its first write of this kind."""
    for at in range(1, 40):
        runner = case.start(*(args or ("run", case.bench.name)))
        case.trap.set(at, "stop", runner.pid)
        while not (case.trap.caught.wait(0.01) or runner.ended):
            pass
        assert case.trap.what is not None
        if part in case.trap.what:
            return runner
        case.trap.released.set()
        runner.wait()
    raise AssertionError(part)


@pytest.mark.parametrize("kind", [KvBench, PostgresBench])
def test_two_runners_at_once_end_with_one_credential(cases, kind):
    case = cases(kind)
    for _ in range(4):
        runners = [case.start("run", case.bench.name) for _ in range(3)]
        ended = [runner.wait() for runner in runners]
        assert 0 in ended
        assert set(ended) <= {0, 3}, [runner.said() for runner in runners]
        case.resume()
        case.settled()


def test_what_another_runner_does_hinders_nobody_for_good(bao, postgres, tmp_path):
    driver = Driver(PostgresBench(bao, tmp_path))
    late = driver.machine()  # it has read the journal
    quick = driver.machine()
    quick.begin()
    while quick.work.phase is not Phase.PROVEN:
        driver.step(quick)
    idle = quick.work.new.handle["user"]
    with psycopg.connect(postgres.url(), autocommit=True) as admin:
        admin.execute(f"ALTER ROLE {idle} PASSWORD 'probing'")
    probe = psycopg.connect(
        host="127.0.0.1", port=postgres.port, dbname="postgres", user=idle, password="probing"
    )
    with probe, pytest.raises(FencedOutError):
        late.begin()
    driver.bench.close()


def test_a_runner_respects_the_claim_of_another_and_resume_waits_for_it(cases):
    case = cases(KvBench, lease_seconds=3)
    runner = held_at(case, "/data/" + case.bench.mark)
    other = case.run("run", case.bench.name, status=3)
    assert other.answer()["secrets"][0]["error"]["code"] == "rotation.busy"
    case.resume()
    last = case.entry.last
    assert last.phase is Phase.DONE
    case.trap.released.set()
    assert runner.wait() == 3
    case.settled()
    assert case.entry.last == last


def sealed(raft):
    raft.seal()
    yield
    raft.unseal()


def restarted(raft):
    raft.kill()
    yield
    raft.launch()
    raft.unseal()


@pytest.mark.parametrize(
    ("outage", "part"),
    [(sealed, "/data/state"), (restarted, "/staged/"), (sealed, "DO '"), (restarted, "destroy")],
)
def test_vault_goes_away_in_mid_rotation_and_comes_back(cases, raft, outage, part):
    case = cases(PostgresBench, vault=raft.address, token=raft.token, patience_seconds=15)
    case.rotate()
    runner = held_at(case, part)
    end = outage(raft)
    next(end)
    case.trap.released.set()
    time.sleep(0.3)
    assert not runner.ended, "it waits, and rolls nothing back"
    next(end, None)
    assert runner.wait() == 0, runner.said()
    case.settled()
    assert case.entry.last.phase is Phase.DONE


def test_vault_stays_away_and_the_run_ends_unknown(cases, raft):
    case = cases(KvBench, vault=raft.address, token=raft.token, patience_seconds=1)
    case.rotate()
    runner = held_at(case, "/data/state")
    raft.seal()
    case.trap.released.set()
    assert runner.wait() == 3
    said = runner.said()
    raft.unseal()
    assert "vault.sealed" in said
    case.resume()
    case.settled()


def test_a_slow_vault_is_waited_for_and_a_hung_one_is_not(cases):
    case = cases(KvBench, patience_seconds=2)
    case.relays["vault"].delay = 0.05
    case.rotate()
    case.settled()
    case.relays["vault"].delay = 8.0  # more than a call may take
    assert case.start("run", case.bench.name).wait() == 3
    case.relays["vault"].delay = 0.0
    case.resume()
    case.rotate()
    case.settled()


@pytest.mark.parametrize("at", range(2))
def test_postgres_is_restarted_in_mid_rotation(cases, postgres, at):
    case = cases(PostgresBench)
    case.rotate()
    runner = held_at(case, "DO '" if at else "/data/" + case.bench.mark)
    postgres.stop()
    case.trap.released.set()
    time.sleep(0.3)
    assert not runner.ended
    postgres.start()
    case.bench.admin = psycopg.connect(postgres.url(), autocommit=True)
    assert runner.wait() == 0, runner.said()
    case.settled()
    assert case.entry.last.phase is Phase.DONE


def soaking(cases, **settings):
    """A secret whose rotation waits an hour before the old value is destroyed."""
    case = cases(KvBench, patience_seconds=0.5, **settings)
    case.section(soak_seconds=3600.0)
    case.rotate()  # adopts, and soaks
    assert case.entry.work.phase is Phase.REFUSED
    return case


HOURS = 3600.0


def test_a_clock_that_jumps_forward_destroys_nothing_early(cases):
    case = soaking(cases)
    case.resume(clock=400 * 24 * HOURS)
    assert case.entry.work.phase is Phase.REFUSED
    versions = case.kv.versions(case.bench.place)
    assert len(versions) == 2, "the old one can be undeleted"


def test_a_soak_that_a_clock_ran_backwards_in_begins_anew(cases):
    case = soaking(cases)
    before = case.entry.work.since[Phase.REFUSED]
    case.resume(clock=-2 * HOURS)
    begun = case.entry.work.since[Phase.REFUSED]
    assert case.entry.work.phase is Phase.REFUSED
    assert begun.local < before.local - HOURS
    # By the clocks as they are again, both have to pass from there.
    case.resume()
    assert case.entry.work.phase is Phase.REFUSED


@pytest.mark.parametrize(
    ("clock", "state"), [(0, "fresh"), (-40 * 24 * HOURS, "fresh"), (40 * 24 * HOURS, "overdue")]
)
def test_the_older_of_two_clocks_decides_what_is_due(cases, clock, state):
    case = cases(KvBench)
    case.rotate()
    runner = case.run("status", status=1 if state == "overdue" else 0, clock=clock)
    assert runner.answer()["secrets"][0]["state"] == state


def test_what_is_due_by_vaults_clock_is_due_though_this_hosts_was_set_back(cases):
    case = cases(KvBench, jitter_days=0)
    case.section(max_age_days=0.00001, renew_before_days=0.000001)
    time.sleep(2.1)  # Vault tells whole seconds
    case.run("run", "--due", clock=-400 * 24 * HOURS)
    assert case.entry.last.phase is Phase.DONE


def test_a_ledger_that_cannot_be_written_stops_the_rotation_where_it_is(cases, tmp_path):
    case = cases(KvBench, patience_seconds=1)
    case.rotate()
    here = case.entry.current
    (tmp_path / "file").touch()
    assert case.start("run", case.bench.name, ledger=tmp_path / "file" / "ledger.db").wait() == 3
    assert case.entry.current == here


def test_a_ledger_that_goes_away_meanwhile_stops_it_between_two_steps(cases):
    case = cases(KvBench, patience_seconds=1)
    case.rotate()
    runner = held_at(case, "/data/" + case.bench.mark)
    away = case.ledger.with_suffix(".away")
    case.ledger.rename(away)
    case.trap.released.set()
    assert runner.wait() == 3
    assert "rotation.unrecorded" in runner.said()
    assert case.entry.work.phase is Phase.PROVEN, "published, but not recorded: done again by who goes on"
    away.rename(case.ledger)
    case.resume()
    case.settled()


def test_events_that_wait_for_the_ledger_stand_in_the_journal(cases):
    case = cases(KvBench, patience_seconds=1, audit={"when_unwritable": "buffer"})
    case.rotate()
    runner = held_at(case, "/data/" + case.bench.mark)
    away = case.ledger.with_suffix(".away")
    case.ledger.rename(away)
    case.trap.released.set()
    assert runner.wait() == 0, runner.said()
    entry = case.entry
    assert entry.last.phase is Phase.DONE
    assert [one["details"]["phase"] for one in entry.untold][-1] == "done"
    away.rename(case.ledger)
    case.rotate()
    case.settled()
    late = [event for event in case.events() if event["unmapped"]["guarita"].get("told_late")]
    assert {event["unmapped"]["guarita"]["phase"] for event in late} >= {"published", "done"}


def test_an_interrupted_runner_is_taken_over_at_once(cases):
    case = cases(KvBench)
    runner = held_at(case, "/data/" + case.bench.mark)
    case.trap.released.set()
    os.kill(runner.pid, signal.SIGINT)
    runner.wait()
    case.resume()
    case.settled()


def test_no_value_is_ever_told(cases):
    import canaries

    case = cases(PostgresBench)
    said = [case.rotate(), case.rotate(), case.run("status"), case.run("plan")]
    values = {password for _, password in case.secrets()}
    assert len(values) >= 2
    told = {f"runner {number}": runner.said().encode() for number, runner in enumerate(said)}
    journals = {
        f"journal {version}": str(case.kv.get(f"{case.state}/journal/{case.bench.name}", version)).encode()
        for version in list(case.kv.versions(f"{case.state}/journal/{case.bench.name}"))
    }
    ledger = {
        path: content for path, content in canaries.files(case.folder).items() if path.startswith("ledger")
    }
    assert len(ledger) >= 1
    for value in values:
        assert not canaries.seen(value, told | journals | ledger)
    log = (Path(case.bench.server.folder) / "log").read_bytes()
    assert not any(value.encode() in log for value in values)


def test_an_emergency_in_mid_rotation_is_followed_by_another(cases):
    case = cases(PostgresBench)
    case.rotate()
    case.section(soak_seconds=3600.0)
    case.rotation["patience_seconds"] = 0.5
    case.section()
    case.rotate()  # soaks: consumers have the new value, and it may be the one that leaked
    soaking = case.entry.work
    assert soaking.phase is Phase.REFUSED
    held = case.bench.rotator.current(dict(case.kv.get(case.bench.section.vault).data))
    case.rotation["patience_seconds"] = 20
    case.section()
    case.run("run", "--emergency", case.bench.name)
    case.settled()
    assert case.entry.last.rotation != soaking.rotation
    assert not case.bench.logs_in(held.handle["user"], held.values["password"])


def test_an_emergency_while_rolling_back_goes_forward_again(cases):
    case = cases(PostgresBench)
    case.rotate()
    leaked = case.bench.rotator.current(dict(case.kv.get(case.bench.section.vault).data))
    runner = held_at(case, "DO '")
    os.kill(runner.pid, signal.SIGKILL)
    case.trap.released.set()
    back = case.start("rollback", case.bench.name)
    case.trap.set(1, "kill", back.pid, spares=("/v1/",))  # at PostgreSQL
    assert back.wait() is None
    assert case.entry.work.phase is Phase.ROLLING_BACK
    case.run("run", "--emergency", case.bench.name)
    case.settled()
    assert case.entry.last.phase is Phase.DONE
    assert not case.bench.logs_in(leaked.handle["user"], leaked.values["password"])


def test_a_rollback_at_any_phase_leaves_the_old_value_in_force(cases):
    case = cases(PostgresBench)
    case.rotate()
    case.section(soak_seconds=3600.0)
    case.rotation["patience_seconds"] = 0.5
    case.section()
    case.rotate()  # the old one is disabled, and refused
    before = case.entry.current
    case.rotation["patience_seconds"] = 20
    case.section()
    case.run("rollback", case.bench.name)
    live = case.settled()
    assert live.handle == before.handle
    assert case.entry.current.fingerprint == before.fingerprint
    assert case.entry.current.created == before.created
    case.run("rollback", case.bench.name, status=1)  # nothing is under way


def test_every_event_satisfies_the_ocsf_schema(cases):
    schemas = json.loads((Path(__file__).parents[1] / "data/ocsf/ocsf-1.8.0.json").read_text())
    validator = jsonschema.Draft202012Validator({**schemas["classes"]["3004"], "$defs": schemas["$defs"]})
    case = cases(PostgresBench)
    case.rotate()
    runner = held_at(case, "DO '")
    os.kill(runner.pid, signal.SIGKILL)
    case.trap.released.set()
    case.run("rollback", case.bench.name)
    case.run("run", "--emergency", case.bench.name)
    case.settled()
    told = case.events()
    for event in told:
        validator.validate(event)
    assert {event["unmapped"]["guarita"]["phase"] for event in told} >= {
        "planned",
        "rolled-back",
        "destroyed",
        "done",
    }
    refused = next(
        event["unmapped"]["guarita"] for event in told if event["status_code"] == "rotation.refused"
    )
    assert refused["proofs"][0]["kind"] == "login-refused"
    assert refused["proofs"][0]["user"] == refused["old"]["user"]
