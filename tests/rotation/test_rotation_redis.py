"""Redis: two ACL users on every node, over restarts and failovers, with evidence of who still uses the old one."""

import contextlib
import dataclasses

import pytest
import redis
import redisserver
from lossy import Lossy
from msgspec.structs import replace
from rotatorbenches import PkiBench, RedisBench, ReplicatedRedisBench
from servers import free_port

from guarita import config
from guarita.config.rotation_redis import RedisAdminSection
from guarita.errors import UsageError
from guarita.rotation.errors import (
    DriftError,
    FencedOutError,
    PermanentError,
    ProbeFailedError,
    StillInUseError,
    StillValidError,
    TransientError,
)
from guarita.rotation.rotators.build import build


@pytest.fixture
def bench(bao, tmp_path):
    made = RedisBench(bao, tmp_path)
    yield made
    made.close()


@pytest.fixture
def pair(bao, tmp_path):
    made = ReplicatedRedisBench(bao, tmp_path)
    yield made
    made.close()


def client(bench, credential, number=0):
    login = {"username": credential.values["username"], "password": credential.values["password"]}
    return bench.connected(bench.servers[number], **login)


def test_consumers_log_in_all_the_while(bench):
    live = bench.rotate()
    for _ in range(3):
        old, new = bench.begin()
        new = bench.create(new)
        for credential in (old, new):  # both, as long as pods of either are there
            with client(bench, credential) as consumer:
                consumer.set("shop:1", "x")
        bench.publish(new)
        bench.retire(old, new)
        assert new.values["username"] != live.values["username"]
        live = new
    with pytest.raises(redis.AuthenticationError):
        client(bench, old).get("shop:1")


def test_who_still_uses_the_old_user_is_named_and_can_be_cut_off(bench):
    bench.rotate()
    old, new = bench.begin()
    bench.create(new)
    with client(bench, old) as consumer:
        consumer.get("shop:1")
        with pytest.raises(StillInUseError) as caught:
            bench.rotator.idle(old)
        (user,) = caught.value.users
        assert user.startswith("127.0.0.1:")
        assert bench.rotator.users(old) == (user,)
        bench.rotator.disable(old, bench.fence())
        assert consumer.get("shop:1") is None  # Redis leaves open connections alone
        bench.rotator.cut(old, bench.fence())
        with pytest.raises(redis.RedisError):
            consumer.get("shop:1")
    bench.rotator.idle(old)


def test_users_outlive_a_restart(bench):
    live = bench.rotate()
    bench.servers[0].kill()
    with pytest.raises(TransientError):
        bench.rotator.probe(live)
    bench.servers[0].start()
    bench.rotator.probe(live)
    assert bench.valid() == {bench.name_of(live)}


def test_users_outlive_a_failover(pair):
    pair.rotate()
    live = pair.rotate()
    pair.servers[0].kill()
    pair.admin[1].replicaof("NO", "ONE")
    with client(pair, live, 1) as consumer:
        assert consumer.set("shop:1", "x")
    # The new primary's fence is what was replicated: an earlier step is refused there, too.
    pair.section = replace(pair.section, nodes=[pair.section.nodes[1]])
    pair.rotator.close()
    pair.rotator = build(pair.name, pair.section, pair.parts)
    early = dataclasses.replace(pair.journal.fence("x"), token=1, hold=lambda: None)
    with pytest.raises(FencedOutError):
        pair.rotator.disable(live, early)
    pair.servers[0].start()


def test_a_node_that_is_away_holds_the_rotation_up(pair):
    pair.rotate()
    _, new = pair.begin()
    pair.servers[1].pause()
    pair.rotator.close()
    section = replace(pair.section, timeout_seconds=0.3)
    rotator = build(pair.name, section, pair.parts)
    with pytest.raises(TransientError):
        rotator.create(new, pair.fence())
    pair.servers[1].resume()
    made = rotator.create(new, pair.fence())
    rotator.probe(made)
    rotator.close()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("word", [b"EXEC", b"SAVE"])
def test_an_answer_of_redis_that_was_lost_is_made_up_for(bench, when, word):
    bench.rotate()
    relay = Lossy(bench.servers[0].port)
    rotator = build(bench.name, replace(bench.section, nodes=[f"127.0.0.1:{relay.port}"]), bench.parts)
    old, new = bench.begin()
    for step in (
        lambda: rotator.create(new, bench.fence()),
        lambda: rotator.disable(old, bench.fence()),
        lambda: rotator.enable(old, bench.fence()),
        lambda: rotator.destroy(old, bench.fence()),
    ):
        relay.cut(word, when)
        try:
            step()
        except TransientError:
            step()
        relay.armed = None
    made = rotator.create(new, bench.fence())
    rotator.probe(made)
    rotator.refused(old)
    rotator.sweep([made], bench.fence())
    assert bench.valid() == {bench.name_of(made)}
    rotator.close()


def test_rights_are_those_of_the_other_one_where_none_are_named(bench):
    section = replace(bench.section, rules=None)
    rotator = build(bench.name, section, bench.parts)
    problems = rotator.check(None)
    assert [problem.code for problem in problems if problem.hinders] == ["redis.no-rights"]
    with pytest.raises(PermanentError):
        rotator.create(bench.begin()[1], bench.fence())
    bench.admin[0].execute_command("ACL", "SETUSER", "app_a", "on", ">first", "~k:*", "(~sel:* +get)", "+get")
    bench.published = {"username": "app_a", "password": "first"}
    _, new = bench.begin()
    assert not [problem for problem in rotator.check(rotator.current(bench.published)) if problem.hinders]
    made = rotator.create(new, bench.fence())
    users = {line.split()[1]: line for line in bench.admin[0].execute_command("ACL", "LIST")}
    rights = [line.split("~", 1)[1] for line in (users["app_a"], users["app_b"])]
    assert rights[0] == rights[1]
    assert "(~sel:*" in rights[0]
    rotator.probe(made)
    rotator.close()


def test_a_user_that_any_password_opens_is_named_and_no_proof(bench):
    live = bench.rotate()
    user = live.values["username"]
    bench.admin[0].execute_command("ACL", "SETUSER", user, "nopass")
    assert "redis.nopass" in {problem.code for problem in bench.rotator.check(live) if problem.hinders}
    with pytest.raises(ProbeFailedError, match="any password"):
        bench.rotator.probe(live)
    with pytest.raises(StillValidError):
        bench.rotator.refused(live)
    bench.create(live)  # sets it right
    bench.rotator.probe(live)


def test_a_password_that_was_hashed_by_somebody_else_goes_with_the_sweep(bench):
    live = bench.rotate()
    bench.admin[0].execute_command("ACL", "SETUSER", live.values["username"], ">canary-of-others")
    (said,) = bench.rotator.sweep([live], bench.fence())
    assert "canary" not in said
    assert bench.valid() == {bench.name_of(live)}


def test_what_would_go_wrong_is_said_before(pair, tmp_path):
    live = pair.rotate()
    idle = next(user for user in pair.section.users if user != live.values["username"])

    def codes(**changes):
        rotator = build(pair.name, replace(pair.section, **changes), pair.parts)
        found = {problem.code for problem in rotator.check(live) if problem.hinders}
        rotator.close()
        return found

    assert codes() == set()
    assert codes(nodes=pair.section.nodes[:1]) == {"redis.replicas-missing"}
    assert codes(nodes=pair.section.nodes[1:]) == {"redis.not-primary"}
    pair.admin[0].execute_command("ACL", "SETUSER", idle, "on", ">x", "+ping", "~*")
    with pair.connected(pair.servers[0], username=idle, password="x") as other:
        other.ping()
        assert codes() == {"redis.idle-in-use"}
    forgetful = tmp_path / "forgetful"
    forgetful.mkdir()
    with redisserver.redis(forgetful) as server:
        assert codes(nodes=[f"127.0.0.1:{server.port}"]) == {"redis.not-persistent"}
        rotator = build(pair.name, replace(pair.section, nodes=[f"127.0.0.1:{server.port}"]), pair.parts)
        with pytest.raises(PermanentError):
            rotator.create(pair.begin()[1], pair.fence())
        rotator.close()


def test_a_configuration_file_will_do_where_there_is_no_acl_file(bench, tmp_path):
    folder = tmp_path / "configured"
    folder.mkdir()
    (folder / "redis.conf").write_text("save ''\n")
    with redisserver.redis(folder, config="redis.conf") as server:
        rotator = build(bench.name, replace(bench.section, nodes=[f"127.0.0.1:{server.port}"]), bench.parts)
        _, new = bench.begin()
        made = rotator.create(new, bench.fence())
        server.kill()
        server.start()
        rotator.probe(made)
        rotator.close()


def test_an_admin_without_rights_is_told_which(bench):
    bench.admin[0].execute_command("ACL", "SETUSER", "weak", "on", "nopass", "+info", "+ping")
    section = replace(bench.section, admin=RedisAdminSection(user="weak"))
    rotator = build(bench.name, section, bench.parts)
    with pytest.raises(PermanentError) as caught:
        rotator.create(bench.begin()[1], bench.fence())
    assert (caught.value.code, "+acl" in caught.value.hint) == ("redis.forbidden", True)
    rotator.close()


def test_the_documented_rights_of_the_admin_are_enough(bench):
    hint = "+acl +client|list +client|kill +info +config +watch +multi +exec +get +set +wait ~guarita:fence:*"
    bench.admin[0].execute_command("ACL", "SETUSER", "rotor", "on", "nopass", *hint.split())
    section = replace(bench.section, admin=RedisAdminSection(user="rotor"))
    bench.rotator = build(bench.name, section, bench.parts)
    bench.rotate()
    old, new = bench.begin()
    new = bench.create(new)
    bench.rotator.cut(old, bench.fence())
    bench.retire(old, new)
    assert not bench.rotator.check(new)


def test_another_user_than_the_pair_is_drift(bench):
    with pytest.raises(DriftError):
        bench.rotator.current({"username": "legacy", "password": "x"})
    assert bench.rotator.current({}) is None


class Tap(Lossy):
    """Keeps what clients send."""

    def _up(self, client, there, lost):
        self.seen = getattr(self, "seen", [])
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                self.seen.append(data)
                there.sendall(data)


def test_no_password_crosses_the_wire_but_in_logins(bench):
    tap = Tap(bench.servers[0].port)
    rotator = build(bench.name, replace(bench.section, nodes=[f"127.0.0.1:{tap.port}"]), bench.parts)
    _, new = bench.begin()
    made = rotator.create(new, bench.fence())
    rotator.probe(made)
    rotator.disable(made, bench.fence())
    rotator.enable(made, bench.fence())
    rotator.destroy(made, bench.fence())
    rotator.close()
    password = made.values["password"].encode()
    assert any(b"SETUSER" in data for data in tap.seen)
    shown = [data for data in tap.seen if password in data]
    assert shown
    assert all(b"AUTH" in data for data in shown)


def test_over_tls_the_server_is_checked(bench, bao, tmp_path):
    issuer = PkiBench(bao, tmp_path)
    issuer.write(f"{issuer.mount}/roles/any", allow_any_name=True, allow_ip_sans=True, key_type="rsa")
    made = issuer.write(f"{issuer.mount}/issue/any", common_name="localhost", ip_sans="127.0.0.1", ttl="1h")[
        "data"
    ]
    folder = tmp_path / "tls"
    folder.mkdir()
    (folder / "ca.pem").write_text(made["issuing_ca"])
    (folder / "cert.pem").write_text(made["certificate"])
    (folder / "key.pem").write_text(made["private_key"])
    (folder / "users.acl").write_text("user default on nopass ~* &* +@all\n")
    other = issuer.write(f"{issuer.mount}/issue/any", common_name="x", ttl="1h")
    (folder / "stranger.pem").write_text(other["data"]["certificate"])
    port = free_port()
    options = ["--aclfile", "users.acl", "--tls-port", str(port), "--tls-cert-file", "cert.pem",
               "--tls-key-file", "key.pem", "--tls-ca-cert-file", "ca.pem", "--tls-auth-clients", "no"]  # fmt: skip
    with redisserver.redis(folder, options=options):
        section = replace(bench.section, tls=True, ca_file="tls/ca.pem", nodes=[f"127.0.0.1:{port}"])
        rotator = build(bench.name, section, bench.parts)
        _, new = bench.begin()
        rotator.probe(rotator.create(new, bench.fence()))
        rotator.close()
        for wrong in ({"ca_file": None}, {"nodes": [f"127.0.0.2:{port}"]}, {"ca_file": "tls/stranger.pem"}):
            rotator = build(bench.name, replace(section, **wrong), bench.parts)
            with pytest.raises(TransientError):
                rotator.probe(new)
            rotator.close()
    issuer.close()


def test_a_pair_is_two(bench):
    text = (
        "rotation:\n  secrets:\n    r:\n      type: redis\n      vault: secret/r\n      nodes: [a]\n      admin: {}\n"
        "      users: [a, a]\n"
    )
    with pytest.raises(UsageError, match="two"):
        config.parse(text.encode(), "g.yaml")
    assert config.parse(text.replace("[a, a]", "[a, b]").encode(), "g.yaml").rotation.secrets["r"].users == [
        "a",
        "b",
    ]
