"""Certificates, secret-ids and transit keys of a real OpenBao, each by what is its own."""

import dataclasses
import secrets
import subprocess
import sys

import hvac
import pytest
import requests
from msgspec.structs import replace
from rotatorbenches import AppRoleBench, PkiBench, ServedPkiBench, TransitBench
from servers import free_port

from guarita.config.rotation_engines import RewrapSection
from guarita.errors import GuaritaError
from guarita.rotation.errors import (
    DriftError,
    FencedOutError,
    NotYetError,
    PermanentError,
    ProbeFailedError,
    StillInUseError,
    StillValidError,
    TransientError,
)
from guarita.rotation.rotators.build import build


@pytest.fixture
def made(bao, tmp_path):
    benches = []

    def make(kind):
        benches.append(kind(bao, tmp_path))
        return benches[-1]

    yield make
    for bench in benches:
        bench.close()


def rebuilt(bench, **changes):
    bench.section = replace(bench.section, **changes)
    bench.rotator = build(bench.name, bench.section, bench.parts)
    return bench


# Certificates.


def test_openssl_verifies_the_chain_and_the_revocation(made, tmp_path):
    bench = made(PkiBench)
    first = bench.rotate()
    second = bench.rotate()
    for name, credential in (("first", first), ("second", second)):
        (tmp_path / f"{name}.pem").write_text(credential.values["tls.crt"])
    (tmp_path / "ca.pem").write_text(second.values["ca.crt"])
    crl = requests.get(f"{bench.root.url}/v1/{bench.mount}/crl/pem", timeout=10).text
    (tmp_path / "crl.pem").write_text(crl)

    def verify(name):
        return subprocess.run(
            ["openssl", "verify", "-CAfile", "ca.pem", "-crl_check", "-CRLfile", "crl.pem",
             "-verify_hostname", "www.example.com", f"{name}.pem"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip

    assert verify("second").returncode == 0, verify("second").stderr
    assert "certificate revoked" in verify("first").stderr


def test_an_intermediate_is_served_and_the_root_is_not(made):
    bench = made(PkiBench)
    bench.write(f"sys/mounts/{bench.mount}-int", type="pki")
    bench.write(f"sys/mounts/{bench.mount}-int/tune", max_lease_ttl="4380h")
    asked = bench.write(
        f"{bench.mount}-int/intermediate/generate/internal", common_name="Intermediate", key_type="ec"
    )
    signed = bench.write(
        f"{bench.mount}/root/sign-intermediate",
        csr=asked["data"]["csr"],
        common_name="Intermediate",
        ttl="4380h",
    )["data"]
    bench.write(
        f"{bench.mount}-int/intermediate/set-signed",
        certificate="\n".join([signed["certificate"], *signed["ca_chain"]]),
    )
    bench.write(
        f"{bench.mount}-int/roles/web", allowed_domains="example.com", allow_subdomains=True, key_type="any",
        max_ttl="2160h",
    )  # fmt: skip
    rebuilt(bench, mount=f"{bench.mount}-int")
    _, new = bench.begin()
    new = bench.create(new)
    assert new.values["tls.crt"].count("BEGIN CERTIFICATE") == 2
    assert new.values["ca.crt"].count("BEGIN CERTIFICATE") == 2
    bench.rotator.probe(new)
    # The chain of a certificate whose answer was lost is found again.
    again = build(bench.name, bench.section, bench.parts).create(bench.begin()[1], bench.fence())
    assert again.values["ca.crt"].count("BEGIN CERTIFICATE") == 2
    lost = bench.rotator.create(new, bench.fence())
    assert lost.handle == new.handle
    assert lost.values["tls.crt"] == new.values["tls.crt"]


@pytest.mark.parametrize(
    ("role", "code"),
    [
        ({"allowed_domains": "example.org"}, "pki.refused"),
        ({"key_type": "rsa", "key_bits": 2048}, "pki.refused"),
        ({"max_ttl": "24h"}, "pki.short-life"),
        ({"use_csr_sans": False, "allowed_domains": "example.com"}, None),
    ],
)
def test_a_role_that_does_not_fit_is_named(made, role, code):
    bench = made(PkiBench)
    whole = {
        "allowed_domains": "example.com",
        "allow_subdomains": True,
        "key_type": "any",
        "max_ttl": "2160h",
    }
    bench.write(f"{bench.mount}/roles/web", **{**whole, **role})
    _, new = bench.begin()
    if code is None:
        bench.create(new)
        return
    with pytest.raises(PermanentError) as caught:
        bench.create(new)
    assert caught.value.code == code
    if code == "pki.short-life":
        assert [problem.code for problem in bench.rotator.check(None) if problem.hinders] == [code]
        bench.rotator.destroy(new, bench.fence())  # it was signed all the same
    assert bench.valid() == set()


@pytest.mark.parametrize("key", ["ec-p256", "ec-p384", "ed25519", "rsa-2048"])
def test_keys_of_every_form_shake_hands(made, key):
    bench = rebuilt(made(PkiBench), key=key)
    _, new = bench.begin()
    proof = bench.rotator.probe(bench.create(new))
    assert proof.facts["version"] == "TLSv1.3"


def test_a_client_shows_its_certificate(made):
    bench = made(PkiBench)
    whole = {
        "allowed_domains": "example.com",
        "allow_subdomains": True,
        "key_type": "any",
        "max_ttl": "2160h",
    }
    bench.write(f"{bench.mount}/roles/web", **whole, server_flag=False)
    _, new = bench.begin()
    with pytest.raises(ProbeFailedError, match="handshake fails"):
        bench.rotator.probe(bench.create(new))  # a server's it is not
    rebuilt(bench, usage="client")
    first = bench.rotate()
    proof = bench.rotator.probe(first)
    assert proof.facts["as"] == "client"
    stranger = made(PkiBench)
    other = stranger.create(stranger.begin()[1]).values
    for change in ({"ca.crt": other["ca.crt"]}, {"tls.key": other["tls.key"]}):
        with pytest.raises(ProbeFailedError):
            bench.rotator.probe(dataclasses.replace(first, values={**first.values, **change}))
    assert not bench.rotator.check(first)
    with pytest.raises(ValueError, match="endpoints"):
        replace(bench.section, endpoints=["a:1"])


def test_a_key_of_another_and_a_chain_of_another_are_no_proof(made):
    bench = made(PkiBench)
    new = bench.create(bench.begin()[1])
    other = bench.rotator.plan("x", None, secrets.token_bytes).values["tls.key"]
    stranger = made(PkiBench)
    authority = stranger.create(stranger.begin()[1]).values["ca.crt"]
    for change in ({"tls.key": other}, {"ca.crt": authority}):
        broken = dataclasses.replace(new, values={**new.values, **change})
        with pytest.raises(ProbeFailedError):
            bench.rotator.probe(broken)
    with pytest.raises(DriftError):
        bench.rotator.current({**new.values, "tls.key": other})


def test_what_is_served_decides(made):
    bench = made(ServedPkiBench)
    first = bench.rotate()
    old, new = bench.begin()
    new = bench.create(new)
    bench.publish(new)
    with pytest.raises(NotYetError, match="another certificate"):
        bench.rotator.served(new)
    with pytest.raises(StillInUseError) as caught:
        bench.rotator.idle(old)
    assert caught.value.users == (f"127.0.0.1:{bench.server.port}",)
    bench.switched()
    assert bench.rotator.served(new).facts["serial"] == new.handle["serial"]
    bench.rotator.idle(old)
    assert bench.rotator.refused(old).kind == "not-served"
    bench.rotator.cut(old, bench.fence())
    assert bench.rotator.refused(old).kind == "revoked"
    with pytest.raises(PermanentError, match="final"):
        bench.rotator.enable(old, bench.fence())
    assert first.handle["serial"] == old.handle["serial"]
    rebuilt(bench, endpoints=[f"127.0.0.1:{free_port()}"])
    with pytest.raises(TransientError):
        bench.rotator.served(new)


def test_a_late_signature_for_a_rotation_that_has_ended_is_refused(made):
    bench = made(PkiBench)
    bench.rotate()
    old, new = bench.begin()
    made_once = bench.create(new)
    bench.publish(made_once)
    bench.retire(old, made_once)
    bench.rotate()
    with pytest.raises(FencedOutError):
        bench.rotator.create(new, bench.fence())


def test_without_stored_certificates_a_rotation_does_not_begin(made):
    bench = made(PkiBench)
    bench.write(f"{bench.mount}/roles/web", allowed_domains="example.com", no_store=True)
    assert {p.code for p in bench.rotator.check(None) if p.hinders} == {"pki.no-store"}
    bench.section = replace(bench.section, role="nothing")
    rotator = build(bench.name, bench.section, bench.parts)
    assert [p.code for p in rotator.check(None)] == ["pki.no-role"]


def test_a_certificate_that_cannot_be_read_is_drift(made):
    bench = made(PkiBench)
    for values in ({"tls.crt": "x", "tls.key": "y"},):
        with pytest.raises(DriftError):
            bench.rotator.current(values)
    assert bench.rotator.current({}) is None


# AppRole.


def logins(bench, secret_id, times=1):
    role_id = bench.root.adapter.request("get", f"/v1/auth/approle/role/{bench.role}/role-id")["data"][
        "role_id"
    ]
    body = {"role_id": role_id, "secret_id": secret_id}
    return [
        requests.post(f"{bench.root.url}/v1/auth/approle/login", json=body, timeout=10).status_code
        for _ in range(times)
    ]


def test_proving_refusals_again_and_again_locks_nobody_out(made):
    """Vault locks a role out for everybody after five failed logins."""
    bench = made(AppRoleBench)
    bench.rotate()
    old, new = bench.begin()
    new = bench.create(new)
    bench.publish(new)
    bench.rotator.disable(old, bench.fence())
    for _ in range(8):
        bench.rotator.probe(new)
        bench.rotator.refused(old)
    assert logins(bench, new.values["secret_id"]) == [200]
    assert logins(bench, old.values["secret_id"]) == [400]
    # That the feature is there, so that this shows something.
    assert logins(bench, "wrong", 6)[-1] == 403
    assert logins(bench, new.values["secret_id"]) == [403]
    with pytest.raises(TransientError):
        bench.rotator.probe(new)


def test_probes_leave_no_token_behind(made):
    bench = made(AppRoleBench)
    new = bench.rotate()

    def tokens():
        return len(bench.root.adapter.request("list", "/v1/auth/token/accessors")["data"]["keys"])

    before = tokens()
    bench.rotator.probe(new)
    assert tokens() == before


def test_secret_ids_of_others_are_named_and_left(made):
    bench = made(AppRoleBench)
    new = bench.rotate()
    other = bench.write(f"auth/approle/role/{bench.role}/secret-id")["data"]["secret_id_accessor"]
    (problem,) = bench.rotator.check(bench.rotator.current(bench.published))
    assert problem.code == "approle.others"
    assert other in problem.hint
    assert bench.rotator.sweep([new], bench.fence()) == []
    assert other in bench.valid()


@pytest.mark.parametrize(
    ("role", "code"),
    [
        ({"bind_secret_id": False, "token_bound_cidrs": "127.0.0.1/32"}, "approle.unbound"),
        ({"secret_id_num_uses": 3}, "approle.few-uses"),
        ({"secret_id_ttl": "24h"}, "approle.short-life"),
    ],
)
def test_a_role_by_which_nothing_can_be_rotated_is_named(made, role, code):
    bench = made(AppRoleBench)
    bench.write(f"auth/approle/role/{bench.role}", **role)
    problems = bench.rotator.check(None)
    assert [problem.code for problem in problems if problem.hinders] == [code]
    bound = [problem for problem in problems if problem.code == "approle.bound-addresses"]
    assert bool(bound) == ("token_bound_cidrs" in role)


def test_a_role_id_of_another_role_is_drift(made):
    bench = made(AppRoleBench)
    new = bench.rotate()
    with pytest.raises(DriftError):
        bench.rotator.current({**new.values, "role_id": "other"})


# Transit.


def test_ciphertexts_follow_and_keep_what_they_hold(made):
    bench = made(TransitBench)
    for version in (2, 3, 4):
        new = bench.rotate()
        assert bench.opened() == ("canary-plain", version)
        assert new.handle["version"] == str(version)
    told = bench.told()
    assert (told["min_decryption_version"], told["min_available_version"]) == (4, 4)


def test_an_old_ciphertext_is_refused_and_climbed_back_to(made):
    bench = rebuilt(made(TransitBench), trim=False)
    kept = bench.write(f"transit/encrypt/{bench.key}", plaintext="YQ==")["data"]["ciphertext"]
    bench.rotate()

    def opens():
        try:
            bench.write(f"transit/decrypt/{bench.key}", ciphertext=kept)
        except hvac.exceptions.InvalidRequest:
            return False
        return True

    assert not opens()
    assert bench.told()["min_available_version"] == 0
    bench.rotator.enable(bench.rotator.plan("x", None, None), bench.fence())
    assert opens()


def test_who_still_writes_by_the_old_version_holds_it_up(made):
    bench = made(TransitBench)
    old, new = bench.begin()
    bench.create(new)
    sealed = bench.write(f"transit/encrypt/{bench.key}", plaintext="YQ==", key_version=1)["data"][
        "ciphertext"
    ]
    bench.write(bench.place.replace("/", "/data/", 1), data={"c": sealed, "other": "x"})
    with pytest.raises(StillInUseError) as caught:
        bench.rotator.idle(old)
    assert caught.value.users == (f"{bench.place}#c",)
    with pytest.raises(StillValidError):
        bench.rotator.refused(old)
    bench.create(new)  # resumed: what is old is rewrapped
    bench.rotator.idle(old)


SCRIPT = """\
import json, pathlib, sys
word, key, version = sys.argv[1:]
store = pathlib.Path("rows.json")
rows = json.loads(store.read_text())
if word == "rewrap":
    pathlib.Path("calls").open("a").write(f"{key} {version}\\n")
    store.write_text(json.dumps([max(row, int(version)) for row in rows]))
elif word == "check":
    sys.exit(1 if any(row < int(version) for row in rows) else 0)
"""


def test_a_command_rewraps_what_lies_elsewhere(made, tmp_path):
    bench = made(TransitBench)
    (tmp_path / "rewrap.py").write_text(SCRIPT)
    (tmp_path / "rows.json").write_text("[1, 1]")
    command = [sys.executable, "rewrap.py"]
    rebuilt(bench, rewrap=RewrapSection(command=command, timeout_seconds=20))
    old, new = bench.begin()
    new = bench.create(new)
    assert (tmp_path / "calls").read_text() == f"transit/{bench.key} 2\n"
    assert bench.rotator.idle(old).facts["command"] == 0
    (tmp_path / "rows.json").write_text("[1, 2]")
    with pytest.raises(StillInUseError):
        bench.rotator.idle(old)
    (tmp_path / "rows.json").write_text("{")
    with pytest.raises(TransientError):
        bench.rotator.idle(old)
    for text, error in (("import time; time.sleep(60)", "slow"), ("raise SystemExit(3)", "failed")):
        (tmp_path / "rewrap.py").write_text(text)
        rebuilt(bench, rewrap=RewrapSection(command=command, timeout_seconds=0.5 if error == "slow" else 20))
        with pytest.raises(TransientError) as caught:
            bench.create(new)
        assert caught.value.code == f"transit.rewrap-{error}"
    rebuilt(bench, rewrap=RewrapSection(command=["./nothing"]))
    with pytest.raises(GuaritaError) as caught:
        bench.create(new)
    assert caught.value.code == "transit.rewrap-command"


def test_a_version_that_somebody_else_made_is_taken(made):
    bench = made(TransitBench)
    old, new = bench.begin()
    for _ in range(2):
        bench.write(f"transit/keys/{bench.key}/rotate")
    created = bench.create(new)
    assert created.handle["version"] == "3"
    assert bench.told()["latest_version"] == 3
    bench.rotator.probe(created)
    assert bench.opened() == ("canary-plain", 3)
    bench.retire(old, created)


def test_a_key_that_does_not_fit_is_named(made):
    bench = made(TransitBench)
    bench.write(f"transit/keys/{bench.key}-signing", type="ed25519")
    rebuilt(bench, key=f"{bench.key}-signing", rewrap=RewrapSection())
    codes = [problem.code for problem in bench.rotator.check(bench.rotator.current({}))]
    assert codes == ["transit.not-for-encryption", "transit.no-places"]
    bench.write(f"transit/keys/{bench.key}-derived", derived=True)
    rebuilt(bench, key=f"{bench.key}-derived", rewrap=bench.section.rewrap)
    codes = [problem.code for problem in bench.rotator.check(bench.rotator.current({})) if problem.hinders]
    assert "transit.derived" in codes
    rebuilt(bench, key="nothing")
    assert bench.rotator.current({}) is None
    assert [problem.code for problem in bench.rotator.check(None)] == ["transit.no-key"]


def test_a_field_that_holds_no_ciphertext_is_named(made):
    bench = made(TransitBench)
    bench.write(bench.place.replace("/", "/data/", 1), data={"c": "canary-plain"})
    with pytest.raises(GuaritaError) as caught:
        bench.create(bench.begin()[1])
    assert caught.value.code == "transit.no-ciphertext"
    assert "canary" not in caught.value.message
