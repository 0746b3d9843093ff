"""`guarita rotate drill` on a clone: it interrupts at every effect, and tells a fault from none."""

import pytest
from enginebenches import PostgresBench

from guarita.rotation.drill.explore import wrong
from guarita.rotation.drill.meddling import DrilledService
from guarita.rotation.service import opened


def test_every_effect_is_interrupted_and_ends_well(cases):
    case = cases(PostgresBench)
    runner = case.run("drill", case.bench.name, "--clone", "--how", "kill")
    attempts = runner.answer()["secrets"][case.bench.name]
    assert [one["number"] for one in attempts] == list(range(1, len(attempts) + 1))
    told = " ".join(one["what"] for one in attempts)
    for effect in ("postgres: create", "postgres: disable", "postgres: destroy", "/staged/", "/journal/"):
        assert effect in told
    assert not any(one["faults"] for one in attempts)
    case.settled()


def test_faults_are_told_from_none(cases, monkeypatch):
    case = cases(PostgresBench)
    monkeypatch.setenv("VAULT_TOKEN", case.bench.root.token)
    old = case.bench.rotator.current(case.bench.published)
    case.rotate()
    new = case.bench.rotator.current(dict(case.kv.get(case.bench.section.vault).data))

    def faults():
        with opened("none", case.config, writes=True, make=DrilledService) as service:
            return " ".join(wrong(service, case.bench.name, old))

    assert faults() == ""
    case.bench.admin.execute(f"ALTER ROLE {old.handle['user']} LOGIN PASSWORD '{old.values['password']}'")
    assert "still valid" in faults()
    case.bench.admin.execute(f"ALTER ROLE {old.handle['user']} NOLOGIN")
    case.kv.put(f"{case.state}/staged/{case.bench.name}/r-left", {"new": {}}, cas=0)
    assert "left of r-left" in faults()
    case.resume()
    assert faults() == "", "a resume ends what was left behind"
    case.bench.admin.execute(f"ALTER ROLE {new.handle['user']} PASSWORD 'another'")
    assert "does not work" in faults()


@pytest.mark.parametrize("arguments", [("s",), ("nobody", "--clone")])
def test_what_is_in_use_is_not_drilled(cases, arguments):
    case = cases(PostgresBench)
    case.run("drill", *arguments, status=2)
    assert case.entry is None
