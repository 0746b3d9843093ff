"""Sealed Secrets, by the commands and against other implementations of the same format."""

import base64
import contextlib
import datetime as dt
import io
import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import sealing
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sealing import SealingKey

from guarita.cli.main import run
from guarita.config import strictyaml
from guarita.errors import GuaritaError
from guarita.rotation import sealed
from guarita.rotation.sealed import crypto
from guarita.rotation.sealed.manifest import as_yaml
from guarita.rotation.sealed.sealedsecret import merge, reseal, seal, unseal

GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"
SECRET = """\
apiVersion: v1
kind: Secret
metadata:
  name: db
  namespace: shop
  uid: 7a0e
  resourceVersion: "12"
  creationTimestamp: 2026-01-01T00:00:00Z
  labels: {team: payments}
  annotations:
    note: kept
    kubectl.kubernetes.io/last-applied-configuration: '{"stringData":{"password":"canary-in-clear"}}'
type: kubernetes.io/basic-auth
immutable: true
data:
  username: c2hvcA==
  password: b3ZlcnJpZGRlbg==
stringData:
  password: canary-in-clear
"""


@pytest.fixture(scope="module")
def key():
    return SealingKey()


@pytest.fixture(scope="module")
def other():
    return SealingKey(1, born=10)


@pytest.fixture(scope="module", params=["node", "go"])
def peer(request, tmp_path_factory):
    made = sealing.node_peer() if request.param == "node" else sealing.go_peer(tmp_path_factory.mktemp("go"))
    with made.process as process, process.stdin, process.stdout:
        yield made
        process.kill()


class Folder:
    def __init__(self, path, key, monkeypatch, capsys):
        self.path = path
        self.monkeypatch = monkeypatch
        self.capsys = capsys
        monkeypatch.chdir(path)
        monkeypatch.delenv("GUARITA_SEALING_CERT", raising=False)
        (path / "cert.pem").write_bytes(key.certificate)
        (path / "key.pem").write_bytes(key.private)
        (path / "secret.yaml").write_text(SECRET)

    def __call__(self, *words, given="", status=0):
        self.monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
        answered = run(list(words))
        said = self.capsys.readouterr()
        assert answered == status, said.err
        self.said = said.err
        return said.out

    def read(self, name):
        return yaml.safe_load((self.path / name).read_text())


@pytest.fixture
def folder(tmp_path, key, monkeypatch, capsys):
    return Folder(tmp_path, key, monkeypatch, capsys)


def read(pem=None, key=None):
    return sealed.read_certificate(pem or key.certificate, "cert.pem", sealing.NOW)


def keys_of(*keys):
    return sealed.read_private_keys(b"".join(key.private for key in keys), "key.pem")


# The format, against others.

LABELS = {
    sealed.Scope.STRICT: "shop/db",
    sealed.Scope.NAMESPACE_WIDE: "shop",
    sealed.Scope.CLUSTER_WIDE: "",
}
VALUES = [b"", b"x", "pá\x00\U0001f511".encode(), b"v" * 100_000]


@pytest.mark.parametrize("scope", list(sealed.Scope))
@pytest.mark.parametrize("value", VALUES, ids=len)
def test_others_open_what_we_seal(peer, key, other, scope, value):
    made = crypto.seal(key.key.public_key(), value, scope.label("shop", "db"))
    assert peer.open(key, LABELS[scope], made) == value
    assert peer.open(other, LABELS[scope], made) is None
    assert peer.open(key, LABELS[scope] + "x", made) is None
    assert peer.open(key, LABELS[scope], made[:-1] + bytes([made[-1] ^ 1])) is None


@pytest.mark.parametrize("scope", list(sealed.Scope))
@pytest.mark.parametrize("value", VALUES, ids=len)
def test_we_open_what_others_seal(peer, key, scope, value):
    text = peer.seal(key, LABELS[scope], value)
    if text is None:  # the npm package takes nothing but a namespace for a label
        assert peer.encode is None
        assert scope is not sealed.Scope.NAMESPACE_WIDE
        return
    assert crypto.unseal(key.key, base64.b64decode(text), scope.label("shop", "db")) == value


@given(st.binary(max_size=300), st.binary(max_size=60), st.data())
@settings(max_examples=60, deadline=None)
def test_every_value_comes_back_and_every_change_is_noticed(value, label, data):
    key = sealing.rsa_key()
    made = crypto.seal(key.public_key(), value, label)
    assert len(made) == 2 + 256 + len(value) + 16
    assert crypto.unseal(key, made, label) == value
    at = data.draw(st.integers(0, len(made) * 8 - 1))
    changed = bytearray(made)
    changed[at // 8] ^= 1 << at % 8
    cut = made[: data.draw(st.integers(0, len(made) - 1))]
    for wrong, under in ((bytes(changed), label), (cut, label), (made, label + b"x")):
        with pytest.raises((crypto.OtherKeyError, crypto.DamagedError)):
            crypto.unseal(key, wrong, under)


@given(st.binary(max_size=600))
@example(b"")
@example(b"\x00\x00" + bytes(16))
@settings(max_examples=200, deadline=None)
def test_bytes_from_anywhere_are_refused_and_nothing_else(raw):
    with pytest.raises((crypto.OtherKeyError, crypto.DamagedError)):
        crypto.unseal(sealing.rsa_key(), raw, b"")


# Manifests.

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=40)
NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)
KEYS = st.from_regex(r"[-_a-zA-Z0-9][-._a-zA-Z0-9]{0,20}", fullmatch=True)


@st.composite
def manifests(draw):
    metadata = {"name": draw(NAMES), "namespace": draw(NAMES)}
    for part in ("labels", "annotations"):
        if texts := draw(st.dictionaries(KEYS, TEXT, max_size=3)):
            metadata[part] = texts
    found = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
    if kind := draw(st.sampled_from([None, "Opaque", "kubernetes.io/tls"])):
        found["type"] = kind
    values = draw(st.dictionaries(KEYS, st.binary(max_size=60), min_size=1, max_size=3))
    found["data"] = {key: base64.b64encode(value).decode() for key, value in values.items()}
    return found


def noted(text):
    metadata = {"name": "a", "namespace": "b", "annotations": {"k": text}}
    return [{"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"v": "eA=="}}]


@given(st.lists(manifests(), min_size=1, max_size=2), st.sampled_from(list(sealed.Scope)))
@example(noted("\x85"), sealed.Scope.STRICT)
@example(noted("a\u2028 b"), sealed.Scope.STRICT)
@example(noted("ação: \n x"), sealed.Scope.STRICT)
@settings(max_examples=30, deadline=None)
def test_a_secret_comes_back_as_it_was(documents, scope):
    key = SealingKey()
    text = yaml.safe_dump_all(documents)
    made = [seal(secret, read(key=key), scope) for secret in sealed.read_secrets(text.encode(), "s")]
    written = as_yaml(found.manifest() for found in made)
    back = [unseal(found, keys_of(key))[0].manifest() for found in sealed.read_sealed(written.encode(), "s")]
    for found in documents:
        annotations = scope.annotated(found["metadata"].get("annotations", {}))
        found["metadata"].pop("annotations", None)
        if annotations:
            found["metadata"]["annotations"] = annotations
    assert back == documents


def test_a_secret_becomes_what_the_controller_takes(folder, key):
    (found,) = yaml.safe_load_all(folder("seal", "secret.yaml", "--cert", "cert.pem"))
    assert (found["apiVersion"], found["kind"]) == ("bitnami.com/v1alpha1", "SealedSecret")
    assert found["metadata"] == {"name": "db", "namespace": "shop"}
    assert found["spec"]["template"] == {
        "metadata": {
            "name": "db",
            "namespace": "shop",
            "labels": {"team": "payments"},
            "annotations": {"note": "kept"},
        },
        "type": "kubernetes.io/basic-auth",
        "immutable": True,
    }
    opened = {
        name: crypto.unseal(key.key, base64.b64decode(text), b"shop/db")
        for name, text in found["spec"]["encryptedData"].items()
    }
    assert opened == {"username": b"shop", "password": b"canary-in-clear"}


@pytest.mark.parametrize(
    ("scope", "label", "annotation"),
    [
        ("strict", b"shop/db", {}),
        ("namespace-wide", b"shop", {"sealedsecrets.bitnami.com/namespace-wide": "true"}),
        ("cluster-wide", b"", {"sealedsecrets.bitnami.com/cluster-wide": "true"}),
    ],
)
def test_the_scope_is_in_both_annotations_and_in_the_value(folder, key, scope, label, annotation):
    found = yaml.safe_load(folder("seal", "secret.yaml", "--cert", "cert.pem", "--scope", scope))
    assert found["metadata"].get("annotations", {}) == annotation
    assert found["spec"]["template"]["metadata"]["annotations"] == {"note": "kept", **annotation}
    value = base64.b64decode(found["spec"]["encryptedData"]["username"])
    assert crypto.unseal(key.key, value, label) == b"shop"
    # A Secret that is annotated says the same without an option.
    annotated = dict(found["spec"]["template"], apiVersion="v1", kind="Secret", stringData={"a": "b"})
    again = yaml.safe_load(folder("seal", "--cert", "cert.pem", given=json.dumps(annotated)))
    assert crypto.unseal(key.key, base64.b64decode(again["spec"]["encryptedData"]["a"]), label) == b"b"


def test_several_documents_and_lists(folder):
    one = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "stringData": {"k": "1"}}
    two = {"apiVersion": "v1", "kind": "List", "items": [dict(one, metadata={"name": n}) for n in ("b", "c")]}
    text = "---\n" + yaml.safe_dump(one) + "---\n# nothing\n---\n" + yaml.safe_dump(two)
    made = folder("seal", "--cert", "cert.pem", "-n", "shop", given=text)
    assert [found["metadata"]["name"] for found in yaml.safe_load_all(made)] == ["a", "b", "c"]
    as_json = folder("seal", "--cert", "cert.pem", "-n", "shop", "--json", given=text)
    assert [found["metadata"]["name"] for found in json.loads(as_json)["items"]] == ["a", "b", "c"]
    shown = folder("unseal", "--key", "key.pem", "--stdout", given=made)
    assert [found["data"] for found in yaml.safe_load_all(shown)] == [{"k": "MQ=="}] * 3


def test_one_value_alone(folder, key):
    text = folder("seal", "--cert", "cert.pem", "--raw", "-n", "shop", "--name", "db", given="pa ss\n")
    assert "line break" in folder.said
    assert crypto.unseal(key.key, base64.b64decode(text), b"shop/db") == b"pa ss\n"
    where = ("--raw", "-n", "shop", "--name", "db", "--key", "key.pem")
    assert folder("unseal", *where, "--stdout", given=text) == "pa ss\n"
    folder("unseal", "--raw", "-n", "shop", "--name", "other", "--key", "key.pem", given=text, status=1)


def test_a_value_is_put_into_a_sealed_secret_that_stands(folder, key):
    folder("seal", "secret.yaml", "--cert", "cert.pem", "-o", "sealed.yaml")
    (folder.path / "sealed.yaml").chmod(0o640)
    before = folder.read("sealed.yaml")
    before["spec"]["template"]["data"] = {"url": "{{ .username }}"}
    before["metadata"]["labels"] = {"app": "shop"}
    (folder.path / "sealed.yaml").write_text(yaml.safe_dump(before))
    new = "{apiVersion: v1, kind: Secret, metadata: {labels: {new: 'yes'}}, stringData: {token: t, username: v}}"
    folder("seal", "--cert", "cert.pem", "--merge-into", "sealed.yaml", given=new)
    after = folder.read("sealed.yaml")
    old, values = before["spec"]["encryptedData"], after["spec"]["encryptedData"]
    assert set(values) == {"username", "password", "token"}
    assert values["password"] == old["password"]
    assert crypto.unseal(key.key, base64.b64decode(values["username"]), b"shop/db") == b"v"
    assert after["spec"]["template"]["metadata"]["labels"] == {"team": "payments", "new": "yes"}
    assert after["spec"]["template"]["data"] == {"url": "{{ .username }}"}
    assert after["metadata"]["labels"] == {"app": "shop"}
    assert (folder.path / "sealed.yaml").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    "change",
    [{"metadata": {"name": "cache"}}, {"metadata": {"namespace": "ops"}}, {"type": "Opaque"},
     {"metadata": {"annotations": {"sealedsecrets.bitnami.com/cluster-wide": "true"}}}],
)  # fmt: skip
def test_merging_refuses_what_the_other_values_are_not_bound_to(key, change):
    standing = seal(sealed.read_secrets(SECRET.encode(), "s")[0], read(key=key), sealed.Scope.STRICT)
    new = {"apiVersion": "v1", "kind": "Secret", "metadata": {}, "stringData": {"a": "b"}, **change}
    (secret,) = sealed.read_secrets(json.dumps(new).encode(), "s")
    with pytest.raises(GuaritaError) as caught:
        merge(standing, secret, read(key=key))
    assert caught.value.code == "sealed.other"
    folderless = {**new, "metadata": {}, "type": None}
    assert merge(standing, sealed.read_secrets(json.dumps(folderless).encode(), "s")[0], read(key=key))


# Keys.


def test_values_are_sealed_anew_for_the_newest_key_and_only_those_that_need_it(folder, key, other):
    newest, compromised = SealingKey(2, born=1), SealingKey(3, born=0)
    (folder.path / "old.pem").write_bytes(other.certificate)
    folder("seal", "secret.yaml", "--cert", "old.pem", "-o", "sealed.yaml")
    (folder.path / "new.pem").write_bytes(newest.certificate)
    new = "{apiVersion: v1, kind: Secret, stringData: {token: t}}"
    folder("seal", "--cert", "new.pem", "--merge-into", "sealed.yaml", given=new)
    keys = sealing.exported(
        other.secret("sealed-secrets-keya"), newest.secret("sealed-secrets-keyb"),
        compromised.secret("sealed-secrets-keyc", state="compromised"),
    )  # fmt: skip
    (folder.path / "keys.yaml").write_text(yaml.safe_dump(keys))
    out = yaml.safe_load(folder("seal", "sealed.yaml", "--reencrypt", "--key", "keys.yaml"))
    before, after = folder.read("sealed.yaml")["spec"]["encryptedData"], out["spec"]["encryptedData"]
    assert after["token"] == before["token"]
    assert crypto.unseal(newest.key, base64.b64decode(after["username"]), b"shop/db") == b"shop"
    shown = json.loads(folder("unseal", "--key", "keys.yaml", "--json", given=yaml.safe_dump(out)))
    assert {row["sealed_for"] for row in shown} == {read(key=newest).fingerprint}
    # Bare keys say nothing about their age.
    (folder.path / "old-key.pem").write_bytes(other.private)
    (folder.path / "new-key.pem").write_bytes(newest.private)
    bare = ("seal", "sealed.yaml", "--reencrypt", "--key", "old-key.pem", "--key", "new-key.pem")
    folder(*bare, status=2)
    assert "newest" in folder.said
    folder(*bare, "--cert", "cert.pem")


def test_a_change_of_key_names_the_same_bytes_twice(key, other):
    made = seal(sealed.read_secrets(SECRET.encode(), "s")[0], read(key=key), sealed.Scope.STRICT)
    assert reseal(made, keys_of(key), read(key=key)) == made
    again = reseal(made, keys_of(other, key), read(key=other))
    assert unseal(again, keys_of(other))[0] == unseal(made, keys_of(key))[0]


def certificates():
    return {
        "sealed.certificate-expired": SealingKey(born=20, days=10).certificate,
        "sealed.certificate-early": SealingKey(born=-2).certificate,
        "sealed.weak-key": SealingKey(bits=1024).certificate,
        "sealed.certificate": SealingKey(kind="ec").certificate,
    }


@pytest.mark.parametrize("code", sorted(certificates()))
def test_a_certificate_that_must_not_be_sealed_by(code):
    with pytest.raises(GuaritaError) as caught:
        read(certificates()[code])
    assert caught.value.code == code


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_no_certificate(pem):
    with pytest.raises(GuaritaError, match="PEM"):
        read(pem or b"\n")


def test_a_file_with_private_keys_is_no_certificate(key):
    with pytest.raises(GuaritaError, match="private keys"):
        read(key.private + key.certificate)


def test_private_keys_that_are_none(key, other):
    mixed = key.secret("k")
    mixed["data"]["tls.crt"] = other.secret("o")["data"]["tls.crt"]
    broken = key.secret("k")
    del broken["data"]["tls.key"]
    for text in (
        b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
        key.certificate,
        SealingKey(kind="ec").private,
        *(json.dumps(found).encode() for found in (mixed, broken, {"kind": "ConfigMap", "data": {}})),
    ):
        with pytest.raises(GuaritaError) as caught:
            sealed.read_private_keys(text, "keys")
        assert caught.value.code == "sealed.private-key"


def test_the_age_of_the_keys(key, other):
    young = SealingKey(2, born=31)
    secrets = [other.secret("a"), SealingKey(3, born=0).secret("c", "compromised"), young.secret("b")]
    for secret in secrets:
        del secret["data"]["tls.key"]  # not needed, and so not read
    ages = sealed.from_secrets(secrets, sealing.NOW)
    assert [(age.name, age.age.days, age.active, age.newest) for age in ages] == [
        ("c", 0, False, False), ("a", 10, True, True), ("b", 31, True, False),
    ]  # fmt: skip
    assert not any(age.overdue for age in ages)
    assert sealed.from_certificates({"cert.pem": young.certificate}, sealing.NOW)[0].overdue
    assert sealed.from_certificates({}, sealing.NOW) == ()


# Mistakes.


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("namespace: shop", ""), "sealed.namespace"),
        (("name: db\n", "name: DB_\n"), "sealed.malformed"),
        (("kind: Secret", "kind: ConfigMap"), "sealed.not-a-secret"),
        (("c2hvcA==", "c2hvcA"), "sealed.malformed"),
        (("c2hvcA==", "canary in clear"), "sealed.malformed"),
        (("password: canary-in-clear", "password: 12345678"), "sealed.malformed"),
        (("password: canary-in-clear", "password: *canary-in-clear"), "sealed.yaml"),
        (("password: canary-in-clear", "password: !canary-in-clear"), "sealed.yaml"),
        (("password: canary-in-clear", "password: [canary-in-clear"), "sealed.yaml"),
        (("password: canary-in-clear", "pass word: canary-in-clear"), "sealed.malformed"),
        (("immutable: true", "immutable: canary-in-clear"), "sealed.malformed"),
        (("username: c2hvcA==", "password: c2hvcA=="), "sealed.yaml"),
    ],
)
def test_a_manifest_that_is_wrong_is_named_and_not_quoted(folder, change, code):
    assert change[0] in SECRET
    folder("seal", "--cert", "cert.pem", "--json", given=SECRET.replace(*change, 1), status=2)
    assert json.loads(folder.said)["error"]["code"] == code
    assert "canary" not in folder.said


def test_a_secret_without_values_or_beyond_what_one_holds(key):
    (empty,) = sealed.read_secrets(b"{kind: Secret, metadata: {name: a, namespace: b}}", "s")
    with pytest.raises(GuaritaError) as caught:
        seal(empty, read(key=key), sealed.Scope.STRICT)
    assert caught.value.code == "sealed.empty"
    large = f"{{kind: Secret, metadata: {{name: a}}, stringData: {{k: '{'x' * (1 << 20)}y'}}}}"
    with pytest.raises(GuaritaError) as caught:
        sealed.read_secrets(large.encode(), "s")
    assert caught.value.code == "sealed.too-large"


def test_values_are_shown_only_when_that_was_asked_for(folder):
    text = folder("seal", "secret.yaml", "--cert", "cert.pem")
    checked = folder("unseal", "--key", "key.pem", given=text)
    assert "password" in checked
    assert "canary" not in checked + folder.said
    folder("unseal", "--key", "key.pem", "-o", "open.yaml", given=text)
    written = folder.path / "open.yaml"
    assert written.stat().st_mode & 0o777 == 0o600
    assert base64.b64decode(folder.read("open.yaml")["data"]["password"]) == b"canary-in-clear"
    written.write_text("mine")
    for command in (("unseal", "--key", "key.pem"), ("seal", "secret.yaml", "--cert", "cert.pem")):
        folder(*command, "-o", "open.yaml", given=text, status=2)
        assert written.read_text() == "mine"
    folder("unseal", "--key", "key.pem", "-o", "open.yaml", "--force", given=text)
    assert sorted(path.name for path in folder.path.iterdir()) == [
        "cert.pem",
        "key.pem",
        "open.yaml",
        "secret.yaml",
    ]


def test_what_does_not_open_says_why(folder, other):
    text = folder("seal", "secret.yaml", "--cert", "cert.pem")
    (folder.path / "other.pem").write_bytes(other.private)
    folder("unseal", "--key", "other.pem", given=text, status=1)
    assert "another key" in folder.said
    folder("unseal", "--key", "key.pem", given=text.replace("name: db", "name: cache", 1), status=1)
    assert "another name" in folder.said
    wide = folder("seal", "secret.yaml", "--cert", "cert.pem", "--scope", "cluster-wide")
    narrow = wide.replace("sealedsecrets.bitnami.com/cluster-wide: 'true'", "a: b", 1)
    assert narrow != wide
    folder("unseal", "--key", "key.pem", given=narrow, status=1)
    assert "scope cluster-wide" in folder.said
    document = yaml.safe_load(text)
    for change in (lambda raw: raw[:200], lambda raw: raw[:-1] + bytes([raw[-1] ^ 1])):
        values = document["spec"]["encryptedData"]
        broken = {
            key: base64.b64encode(change(base64.b64decode(raw))).decode() for key, raw in values.items()
        }
        spec = {**document["spec"], "encryptedData": broken}
        folder("unseal", "--key", "key.pem", "--json", given=json.dumps({**document, "spec": spec}), status=1)
        assert json.loads(folder.said)["error"]["code"] == "sealed.damaged"


def test_a_template_that_only_the_controller_fills_in(folder):
    document = yaml.safe_load(folder("seal", "secret.yaml", "--cert", "cert.pem"))
    document["spec"]["template"]["data"] = {"url": "postgres://{{ .username }}"}
    text = yaml.safe_dump(document)
    folder("unseal", "--key", "key.pem", "--stdout", given=text, status=2)
    folder("unseal", "--key", "key.pem", given=text)


@pytest.mark.parametrize(
    "words",
    [
        ("seal", "--cert", "cert.pem", "--raw", "--reencrypt", "--key", "key.pem"),
        ("seal", "--cert", "cert.pem", "--key", "key.pem"),
        ("seal", "--cert", "cert.pem", "--reencrypt"),
        ("seal", "--reencrypt", "--key", "key.pem", "--scope", "strict"),
        ("seal", "--cert", "cert.pem", "--raw", "--name", "db"),
        ("seal",),
        ("unseal", "--key", "key.pem", "--stdout", "-o", "x"),
        ("unseal",),
    ],
)
def test_options_that_do_not_go_together(folder, words):
    folder(*words, given=SECRET, status=2)


def test_it_does_not_wait_for_a_terminal(folder):
    leader, follower = os.openpty()
    with contextlib.closing(os.fdopen(leader)), contextlib.closing(os.fdopen(follower)) as terminal:
        done = subprocess.run(
            [GUARITA, "seal", "--cert", folder.path / "cert.pem"], stdin=terminal, capture_output=True,
            text=True, timeout=30, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert "terminal" in done.stderr


def test_nothing_shows_a_value_by_accident(key):
    (secret,) = sealed.read_secrets(SECRET.encode(), "s")
    made = seal(secret, read(key=key), sealed.Scope.STRICT)
    assert "canary" not in repr(secret) + repr(made) + repr(keys_of(key))


def test_documents_of_a_stream_keep_their_places():
    first, second = strictyaml.parse_all(b"---\na: 1\n---\n---\nb:\n- c\n", "s")
    assert (first.data, second.data, second.line(("b", 0))) == ({"a": 1}, {"b": ["c"]}, 6)
    assert strictyaml.parse_all(b"", "s") == []


def test_a_certificate_is_judged_at_the_time_that_is_given(key):
    late = sealing.NOW + dt.timedelta(days=4000)
    with pytest.raises(GuaritaError):
        sealed.read_certificate(key.certificate, "c", late)


def test_sealing_needs_no_extra():
    code = (
        "import sys, guarita.rotation.sealed.cli_seal, guarita.rotation.sealed.cli_unseal;"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    extras = {"hvac", "kubernetes", "prometheus_client", "psycopg", "redis", "requests", "urllib3"}
    assert extras.isdisjoint(done.stdout.split())
