"""Profiles of guarita.yaml: what holds where, and errors at the place that was written."""

import json
import subprocess
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guarita import config
from guarita.config import profiles, strictyaml
from guarita.errors import UsageError

GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"
TEXT = b"""\
ledger:
  url: sqlite:///base.db
  checkpoint_every: 10
gateway:
  proxies: [10.0.0.0/8, 192.168.0.0/16]
profiles:
  development: {}
  production:
    ledger:
      url: postgresql:///?service=ledger
    gateway:
      proxies: [172.16.0.0/12]
"""


def by(profile, text=TEXT):
    return config.parse_placed(text, "guarita.yaml", profile)[0]


def test_a_profile_lays_its_own_over_the_rest():
    found = by("production")
    assert found.ledger.url == "postgresql:///?service=ledger"
    assert found.ledger.checkpoint_every == 10
    assert list(map(str, found.gateway.proxies)) == ["172.16.0.0/12"]  # a list is replaced as a whole
    assert by("development").ledger.url == by(None).ledger.url == "sqlite:///base.db"


def test_the_environment_names_it(monkeypatch, tmp_path):
    monkeypatch.setenv("GUARITA_PROFILE", "production")
    assert config.parse(TEXT, "g").ledger.url.startswith("postgresql")
    monkeypatch.setenv("GUARITA_PROFILE", "")
    assert config.parse(TEXT, "g").ledger.url.startswith("sqlite")


@pytest.mark.parametrize(("text", "hint"), [(TEXT, "production"), (b"{}", "none")])
def test_a_profile_that_is_not_there_is_an_error(text, hint):
    with pytest.raises(UsageError) as caught:
        by("prodction", text)
    assert caught.value.code == "config.profile"
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("wrong", "where", "code"),
    [
        ("ledger: {checkpoint_every: 0}", "profiles.production.ledger.checkpoint_every", "config.value"),
        ("ledger: {ulr: x}", "profiles.production.ledger.ulr", "config.unknown-key"),
        ("gateway: {limits: 3}", "profiles.production.gateway.limits", "config.value"),
        ("gatway: {}", "profiles.production.gatway", "config.unknown-key"),
        # The gate's policy is one: no place where it runs makes it another.
        ("scan: {fail_on: critical}", "profiles.production.scan", "config.unknown-key"),
    ],
)
@pytest.mark.parametrize("chosen", [None, "development", "production"])
def test_what_is_wrong_in_any_profile_is_found_in_each(wrong, where, code, chosen):
    text = f"ledger: {{url: sqlite:///a.db}}\nprofiles:\n  development: {{}}\n  production:\n    {wrong}\n"
    with pytest.raises(UsageError) as caught:
        by(chosen, text.encode())
    assert caught.value.code == code
    assert f"guarita.yaml:5: {where}: " in caught.value.message


def test_what_is_wrong_in_the_base_is_shown_there():
    with pytest.raises(UsageError) as caught:
        by("production", b"profiles: {production: {ledger: {url: x}}}\nledger:\n  checkpoint_every: 0\n")
    assert "guarita.yaml:3: ledger.checkpoint_every: " in caught.value.message


def test_an_overlaid_value_hides_the_lines_of_what_it_replaced():
    text = b"gateway:\n  proxies:\n    - 10.0.0.0/8\nprofiles:\n  production:\n    gateway:\n      proxies: [172.16.0.0/12]\n"
    document = config.parse_placed(text, "g", "production")[1]
    assert document.line(("gateway", "proxies", 0)) == 7
    message = document.error("x", ("gateway", "proxies", 0), "m").message
    assert message == "g:7: profiles.production.gateway.proxies[0]: m"


values = st.recursive(
    st.integers() | st.booleans() | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)
mappings = st.dictionaries(st.sampled_from("abc"), values, max_size=3)


@given(mappings, mappings)
def test_laying_over_keeps_what_is_not_named_and_takes_what_is(base, over):
    text = json.dumps({**base, "profiles": {"p": over}}).encode()
    merged = profiles.overlaid(strictyaml.parse(text, "t"), "p").data

    def held(found, one, two):
        if not (isinstance(one, dict) and isinstance(two, dict)):
            assert found == two
            return
        assert found.keys() - {"profiles"} == (one.keys() | two.keys()) - {"profiles"}
        for key in two:
            held(found[key], one.get(key), two[key])
        for key in one.keys() - two.keys():
            assert found[key] == one[key]

    held(merged, base, over)


def test_the_command_takes_it_for_all_that_it_starts(tmp_path):
    (tmp_path / "guarita.yaml").write_bytes(
        TEXT.replace(b"postgresql:///?service=ledger", b"sqlite:///missing.db")
    )

    def verify(*words):
        return subprocess.run(
            [GUARITA, *words, "audit", "verify", "--config", "guarita.yaml"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip

    assert "base.db" in verify().stderr
    assert "missing.db" in verify("--profile", "production").stderr
    wrong = verify("--profile", "prod")
    assert wrong.returncode == 2
    assert "production" in wrong.stderr
