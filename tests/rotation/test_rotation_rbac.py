"""`guarita rotate rbac`: what it prints is enough, and nothing of it can be left out."""

import json
import secrets

import hvac
import msgspec
import pytest
import servers
import yaml
from driving import Driver
from enginebenches import PostgresBench
from rotatorbenches import AppRoleBench, JwtBench, KvBench, PkiBench, RedisBench, TransitBench

from guarita import config
from guarita.cli.main import run
from guarita.config.rotation import RotationSection, VaultSection
from guarita.errors import GuaritaError
from guarita.rotation.journal import Entry, Phase, Work
from guarita.rotation.orphans import orphans
from guarita.rotation.rbac import grants, hcl, manifests
from guarita.rotation.vault import Kv


def token_for(root, allowed):
    name = f"p-{secrets.token_hex(4)}"
    root.sys.create_or_update_policy(name, hcl(allowed))
    return root.auth.token.create(policies=[name], no_default_policy=True)["auth"]["client_token"]


def needed(driver):
    bench = driver.bench
    return list(
        grants(RotationSection(vault=VaultSection(state=driver.state), secrets={bench.name: bench.section}))
    )


def exercise(driver, allowed):
    """Rotations there, back, and climbed back from, by a token with this policy alone."""
    token = token_for(driver.bench.root, allowed)
    driver.bench.vault._login = lambda client: setattr(client, "token", token)
    driver.bench.vault._in = False
    machine = driver.machine()
    driver.bench.rotator.check(driver.bench.rotator.current({}))
    machine.begin()
    driver.finish(machine)
    live = driver.bench.rotator.current(driver.bench.published)
    driver.bench.rotator.check(live)
    assert driver.rotate().last.phase is Phase.DONE
    machine = driver.machine()
    machine.begin()
    for _ in range(3):
        driver.step(machine)
    machine = driver.machine()  # another runner goes on
    while machine.work.phase is not Phase.REFUSED:
        driver.step(machine)
    assert driver.roll_back(machine).last.phase is Phase.ROLLED_BACK
    assert driver.rotate().last.phase is Phase.DONE
    assert driver.machine().tidy() == ()
    (found,) = orphans(Kv(driver.bench.vault), driver.state, [driver.bench.name])
    assert found.secret == "retired"


def put_orphan(driver):
    """The journal of a secret that was taken out of the configuration in mid-rotation."""
    entry = Entry(secret="retired", kind="kv", work=Work(rotation="r", phase=Phase.PUBLISHED))
    Kv(driver.bench.eyes).put(f"{driver.state}/journal/retired", msgspec.to_builtins(entry), cas=0)


KINDS = [KvBench, AppRoleBench, PkiBench, TransitBench, JwtBench, RedisBench, PostgresBench]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_the_policy_is_enough_and_nothing_of_it_can_be_left_out(kind, bao, tmp_path, request):
    if kind is PostgresBench:
        request.getfixturevalue("postgres")

    def fresh(name):
        folder = tmp_path / str(name)
        folder.mkdir()
        made = Driver(kind(bao, folder))
        if kind is PostgresBench:
            made.bench.root.secrets.kv.v2.delete_metadata_and_all_versions(
                made.bench.mark, mount_point="secret"
            )
            made.bench.published = {}
        put_orphan(made)
        return made

    driver = fresh("whole")
    allowed = needed(driver)
    exercise(driver, allowed)
    driver.bench.close()
    pairs = [(at, word) for at, grant in enumerate(allowed) for word in grant.capabilities]
    superfluous = []
    for number, (at, word) in enumerate(pairs):
        driver = fresh(number)
        mine = needed(driver)
        left = tuple(other for other in mine[at].capabilities if other != word)
        mine[at : at + 1] = [mine[at]._replace(capabilities=left)] if left else []
        try:
            exercise(driver, mine)
        except GuaritaError:
            pass
        else:
            superfluous.append(f"{word} at {needed(driver)[at].path}")
        driver.bench.close()
    assert superfluous == []


CONFIGURATION = """\
rotation:
  vault:
    login: {method: kubernetes, role: rotation}
  clusters:
    eu: {namespace: ops}
    us: {namespace: ops}
  secrets:
    web:
      type: kv
      vault: secret/shop/web
      deliver:
        - {secret: web, namespace: shop, cluster: eu}
        - {secret: web, namespace: shop, cluster: us, restart: false}
    db:
      type: redis
      vault: secret/shop/cache
      users: [a, b]
      nodes: [cache]
      admin: {user: rotor, password: {vault: "secret/ops/redis#password"}}
    tokens:
      type: jwt
      vault: secret/id/signer
      token_lifetime_seconds: 600
      key_sets: [{config_map: "id/jwks#jwks.json", cluster: eu}, {vault: "secret/id/public#jwks"}]
"""


def test_roles_are_in_the_namespaces_that_are_worked_in():
    section = config.parse(CONFIGURATION.encode(), "g").rotation

    def allowed(cluster):
        found = {}
        for document in manifests(section, cluster, "guarita/runner"):
            if document["kind"] == "Role":
                found[document["metadata"]["namespace"]] = document["rules"]
            else:
                assert document["subjects"] == [
                    {"kind": "ServiceAccount", "name": "runner", "namespace": "guarita"}
                ]
                assert document["roleRef"]["name"] == document["metadata"]["name"]
        return found

    eu, us = allowed("eu"), allowed("us")
    assert set(eu) == {"shop", "ops", "id"}
    assert set(us) == {"shop", "ops"}
    verbs = {rule["resources"][0]: rule["verbs"] for rule in us["shop"] if rule["apiGroups"] == ["apps"]}
    assert "patch" not in str(verbs)  # nothing is restarted there
    assert "patch" in str(eu["shop"])
    assert [rule["resources"] for rule in eu["id"]] == [["configmaps"], ["configmaps"]]
    assert eu["id"][1]["resourceNames"] == ["jwks"]
    for rules in (*eu.values(), *us.values()):
        for rule in rules:
            assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"]


def test_no_path_of_the_policy_is_wider_than_it_must_be():
    section = config.parse(CONFIGURATION.encode(), "g").rotation
    paths = {grant.path: grant.capabilities for grant in grants(section)}
    assert paths["secret/data/ops/redis"] == ("read",)
    assert paths["secret/data/id/public"] == ("create", "read", "update")
    assert paths["secret/data/guarita/rotation/journal/*"] == ("read",)
    for path in paths:
        assert "*" not in path.removesuffix("/*") or path.count("/") > 4
        assert path.count("*") <= ("/staged/" in path or "/journal/" in path)
    assert not {"sudo", "root", "deny"} & {word for words in paths.values() for word in words}


def test_the_command_prints_both(tmp_path, monkeypatch, capsys):
    (tmp_path / "guarita.yaml").write_text(CONFIGURATION)
    monkeypatch.chdir(tmp_path)

    def said(*words, status=0):
        assert run(["rotate", "rbac", *words]) == status
        return capsys.readouterr().out

    text = said("--only", "kubernetes", "--account", "guarita/runner")
    kinds = [found["kind"] for found in yaml.safe_load_all(text.replace("# cluster us", "---\n# cluster us"))]
    assert kinds.count("Role") == kinds.count("RoleBinding") == 5
    assert 'path "secret/data/shop/web"' in said("--only", "vault")
    both = json.loads(said("--json"))
    assert set(both["kubernetes"]) == {"eu", "us"}
    assert {"path", "capabilities", "why"} == set(both["vault"][0])
    assert set(json.loads(said("--json", "--cluster", "us"))["kubernetes"]) == {"us"}
    said("--cluster", "asia", status=2)
    said("--account", "runner", status=2)


def test_the_policy_is_one_that_openbao_takes(bao):
    root = hvac.Client(bao, token=servers.BAO_TOKEN)
    section = config.parse(CONFIGURATION.encode(), "g").rotation
    root.sys.create_or_update_policy("whole", hcl(grants(section)))
    assert "secret/data/shop/web" in root.sys.read_policy("whole")["data"]["rules"]
