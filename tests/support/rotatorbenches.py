"""Targets of rotators, with eyes of their own: what is valid there is asked by other means than the code under test."""

import base64
import contextlib
import dataclasses
import hashlib
import json
import secrets
import socket
import ssl
import threading
from pathlib import Path

import hvac
import redis
import redisserver
import servers
from cryptography import x509
from redis.backoff import NoBackoff
from redis.retry import Retry
from rotating import vault_at

from guarita.config.rotation_engines import AppRoleSecret, PkiSecret, RewrapSection, TransitSecret
from guarita.config.rotation_jwt import JwtSecret, KeySetPlace
from guarita.config.rotation_redis import RedisAdminSection, RedisSecret
from guarita.config.rotation_secrets import KvSecret
from guarita.rotation.errors import FencedOutError
from guarita.rotation.interface import ADOPTED, Fence
from guarita.rotation.parts import Parts
from guarita.rotation.rotators.build import build
from guarita.rotation.vault.client import UnansweredError


class Journal:
    """Fences as the engine hands them out: each step's is higher than all before."""

    def __init__(self, secret):
        self.secret = secret
        self.token = 0

    def fence(self, rotation):
        self.token += 1
        mine = self.token

        def hold():
            if self.token > mine:
                raise FencedOutError(self.secret, "the journal")

        return Fence(secret=self.secret, rotation=rotation, token=mine, hold=hold)

    @staticmethod
    def late(fence):
        """The same, for a runner that was stopped after it had looked at the journal."""
        return dataclasses.replace(fence, hold=lambda: None)


class Losing:
    """A Vault whose n-th change from now on is carried out, and not answered."""

    def __init__(self, vault):
        self.vault = vault
        self.real = vault.call
        self.after = None
        self.told = lambda: None
        vault.call = self.call

    def call(self, method, path, body=None, *, params=None):
        answer = self.real(method, path, body, params=params)
        changes = method in {"post", "delete"} and "lookup" not in path and not path.endswith("/login")
        if changes:
            self.told()
            if self.after is not None:
                self.after -= 1
                if self.after < 0:
                    self.after = None
                    raise UnansweredError("vault.unreachable", "no answer")
        return answer


class Bench:
    """One rotator and its target. `published` is what Vault would hold; `keep` is what has to stay valid."""

    kind = ""

    def __init__(self, bao, folder, *, token=servers.BAO_TOKEN, name="s"):
        self.root = hvac.Client(bao, token=token, timeout=20)
        self.vault = vault_at(bao, token=token)
        self.losing = Losing(self.vault)
        self.folder = Path(folder)
        self.parts = Parts(self.vault, self.folder)
        self.name = name
        self.mark = secrets.token_hex(4)
        self.journal = Journal(self.name)
        self.published = {}
        self.number = 0
        self.section = self.prepare()
        self.rotator = build(self.name, self.section, self.parts)
        self.extra()

    def extra(self):
        pass

    def on_change(self, told):
        """Call this after each change at Vault, and at the target where that is another server."""
        self.losing.told = told
        self.eyes = vault_at(self.root.url)
        self.watch()

    def watch(self):
        """The rotator was built anew: look at its own changes, too."""

    def write(self, path, **body):
        return self.root.adapter.request("post", f"/v1/{path}", json=body)

    def fence(self, rotation="r"):
        return self.journal.fence(rotation)

    def begin(self):
        """Plan the next rotation; gives (old, new)."""
        self.number += 1
        rotation = f"r{self.number}"
        old = self.rotator.current(self.published)
        if old is not None:
            old = dataclasses.replace(old, rotation=f"r{self.number - 1}" if self.number > 1 else ADOPTED)
        return old, self.rotator.plan(rotation, old, secrets.token_bytes)

    def create(self, new):
        return self.rotator.create(new, self.fence(new.rotation))

    def publish(self, new):
        self.published = {**self.published, **new.values}
        if place := getattr(self.section, "vault", None):
            self.write(place.replace("/", "/data/", 1), data=self.published)

    def retire(self, old, new):
        """Everything after the switch."""
        proofs = []
        if old is not None:
            proofs.append(self.rotator.idle(old))
            self.rotator.disable(old, self.fence(new.rotation))
            proofs.append(self.rotator.refused(old))
            self.rotator.destroy(old, self.fence(new.rotation))
            proofs.append(self.rotator.refused(old))
        self.rotator.sweep([new], self.fence(new.rotation))
        return proofs

    def rotate(self):
        """One whole rotation; gives the credential that is in force then."""
        old, new = self.begin()
        new = self.create(new)
        self.rotator.probe(new)
        self.publish(new)
        self.switched()
        self.retire(old, new)
        return new

    def switched(self):
        """Consumers have restarted."""

    def valid(self):
        """What opens something at the target, by its public name."""
        raise NotImplementedError

    def name_of(self, credential):
        """The public name of a credential, as `valid` gives it."""
        raise NotImplementedError

    def close(self):
        self.rotator.close()
        self.vault.close()
        self.root.adapter.close()


class KvBench(Bench):
    """A value that no server knows."""

    kind = "kv"

    def prepare(self):
        return KvSecret(vault=f"secret/{self.mark}")


class AppRoleBench(Bench):
    kind = "approle"

    def prepare(self):
        self.role = f"app-{self.mark}"
        with contextlib.suppress(hvac.exceptions.InvalidRequest):
            self.write("sys/auth/approle", type="approle")
        self.write(f"auth/approle/role/{self.role}", token_policies="default")
        return AppRoleSecret(vault=f"secret/{self.mark}", role=self.role)

    def valid(self):
        try:
            listed = self.root.adapter.request("list", f"/v1/auth/approle/role/{self.role}/secret-id")
        except hvac.exceptions.InvalidPath:
            return set()
        return set(listed["data"]["keys"])

    def name_of(self, credential):
        looked = self.write(
            f"auth/approle/role/{self.role}/secret-id/lookup", secret_id=credential.values["secret_id"]
        )
        return looked["data"]["secret_id_accessor"] if isinstance(looked, dict) else "none"


class TransitBench(Bench):
    kind = "transit"

    def prepare(self):
        with contextlib.suppress(hvac.exceptions.InvalidRequest):
            self.write("sys/mounts/transit", type="transit")
        self.key = f"k-{self.mark}"
        self.write(f"transit/keys/{self.key}")
        self.place = f"secret/cipher-{self.mark}"
        self.seal("canary-plain")
        return TransitSecret(key=self.key, rewrap=RewrapSection(fields=[f"{self.place}#c"]), trim=True)

    def seal(self, plain):
        sealed = self.write(
            f"transit/encrypt/{self.key}", plaintext=base64.b64encode(plain.encode()).decode()
        )
        self.write(
            self.place.replace("/", "/data/", 1), data={"c": sealed["data"]["ciphertext"], "other": "x"}
        )

    def opened(self):
        read = self.root.adapter.request("get", "/v1/" + self.place.replace("/", "/data/", 1))["data"]["data"]
        assert read["other"] == "x"
        plain = self.write(f"transit/decrypt/{self.key}", ciphertext=read["c"])["data"]["plaintext"]
        return base64.b64decode(plain).decode(), int(read["c"].split(":")[1][1:])

    def told(self):
        return self.root.adapter.request("get", f"/v1/transit/keys/{self.key}")["data"]

    def valid(self):
        told = self.told()
        return {str(n) for n in range(told["min_decryption_version"], told["latest_version"] + 1)}

    def name_of(self, credential):
        return credential.handle["version"]


class PkiBench(Bench):
    kind = "pki"

    def prepare(self):
        self.mount = f"pki-{self.mark}"
        self.write(f"sys/mounts/{self.mount}", type="pki")
        self.write(f"sys/mounts/{self.mount}/tune", max_lease_ttl="8760h")
        self.write(
            f"{self.mount}/root/generate/internal",
            common_name="Root of the tests",
            ttl="8760h",
            key_type="ec",
        )
        self.write(
            f"{self.mount}/roles/web", allowed_domains="example.com", allow_subdomains=True, max_ttl="2160h",
            key_type="any",
        )  # fmt: skip
        return PkiSecret(
            vault=f"secret/{self.mark}", role="web", mount=self.mount, common_name="shop.example.com",
            alt_names=["www.example.com"], endpoints=self.endpoints(),
        )  # fmt: skip

    def endpoints(self):
        self.server = None
        return []

    def valid(self):
        listed = self.root.adapter.request("list", f"/v1/{self.mount}/certs")["data"]["keys"]
        found = set()
        for serial in listed:
            told = self.root.adapter.request("get", f"/v1/{self.mount}/cert/{serial}")["data"]
            certificate = x509.load_pem_x509_certificate(told["certificate"].encode())
            if not told["revocation_time"] and certificate.subject != certificate.issuer:
                found.add(serial)
        return found

    def name_of(self, credential):
        return credential.handle.get("serial", "none")


class TlsServer(threading.Thread):
    """Serves what it was last given: a certificate that a consumer has read anew."""

    def __init__(self):
        super().__init__(daemon=True)
        self.context = None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def load(self, folder, chain, key):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        path = Path(folder) / "served.pem"
        path.write_text(chain + key)
        context.load_cert_chain(path)
        self.context = context

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                raw, _ = self.listener.accept()
                with (
                    contextlib.suppress(OSError),
                    raw,
                    self.context.wrap_socket(raw, server_side=True) as wrapped,
                ):
                    wrapped.recv(1)

    def close(self):
        self.listener.close()


class ServedPkiBench(PkiBench):
    """A certificate that a server on this machine serves."""

    def endpoints(self):
        self.server = TlsServer()
        return [f"127.0.0.1:{self.server.port}"]

    def switched(self):
        self.server.load(self.folder, self.published["tls.crt"], self.published["tls.key"])

    def close(self):
        self.server.close()
        super().close()


class JwtBench(Bench):
    kind = "jwt"
    algorithm = "ES256"

    def prepare(self):
        self.place = f"secret/jwks-{self.mark}"
        self.file = self.folder / f"jwks-{self.mark}.json"
        return JwtSecret(
            vault=f"secret/{self.mark}", algorithm=self.algorithm,
            key_sets=[KeySetPlace(vault=f"{self.place}#jwks"), KeySetPlace(file=self.file.name)],
            max_age_seconds=0, skew_seconds=0, token_lifetime_seconds=1,
        )  # fmt: skip

    def watch(self):
        place = self.rotator._places[1]
        real = place.change

        def change(*arguments):
            real(*arguments)
            self.losing.told()

        place.change = change

    def sets(self):
        try:
            read = self.root.adapter.request("get", "/v1/" + self.place.replace("/", "/data/", 1))
            first = json.loads(read["data"]["data"]["jwks"])
        except hvac.exceptions.InvalidPath:
            first = {"keys": []}
        second = json.loads(self.file.read_text()) if self.file.exists() else {"keys": []}
        return first, second

    def valid(self):
        one, two = ({key["kid"] for key in found["keys"]} for found in self.sets())
        assert one == two
        return one

    def name_of(self, credential):
        return credential.handle["kid"]


class RedisBench(Bench):
    kind = "redis"
    nodes_wanted = 1

    def prepare(self):
        self.servers = []
        for number in range(self.nodes_wanted):
            folder = self.folder / f"redis-{self.mark}-{number}"
            folder.mkdir()
            (folder / "users.acl").write_text("user default on nopass ~* &* +@all\n")
            self.servers.append(
                redisserver.Redis(
                    folder, options=["--aclfile", "users.acl", "--repl-diskless-sync-delay", "0"]
                )
            )
        self.admin = [self.connected(server) for server in self.servers]
        for replica in self.admin[1:]:
            replica.replicaof("127.0.0.1", self.servers[0].port)
        for admin in self.admin[1:]:
            while admin.info("replication")["master_link_status"] != "up":
                pass
        return RedisSecret(
            vault=f"secret/{self.mark}", users=["app_a", "app_b"], rules=["~shop:*", "+@read", "+@write", "+ping"],
            nodes=[f"127.0.0.1:{server.port}" for server in self.servers], admin=RedisAdminSection(), tls=False,
        )  # fmt: skip

    def watch(self):
        for node in self.rotator._nodes:
            for name in ("_step", "keep"):
                setattr(node, name, self.told_after(getattr(node, name)))

    def told_after(self, real):
        def call(*arguments):
            real(*arguments)
            self.losing.told()

        return call

    def connected(self, server, **login):
        return redis.Redis(port=server.port, decode_responses=True, retry=Retry(NoBackoff(), 0), **login)

    def valid(self):
        per_node = []
        for admin in self.admin:
            found = set()
            for line in admin.execute_command("ACL", "LIST"):
                _, name, *tokens = line.split()
                if name.startswith("app_") and "on" in tokens:
                    found |= {
                        f"{name} {token}" for token in tokens if token.startswith("#") or token == "nopass"
                    }
            per_node.append(found)
        assert all(found == per_node[0] for found in per_node)
        return per_node[0]

    def name_of(self, credential):
        digest = hashlib.sha256(credential.values["password"].encode()).hexdigest()
        return f"{credential.handle['user']} #{digest}"

    def close(self):
        for admin, server in zip(self.admin, self.servers, strict=True):
            admin.close()
            server.kill()
        super().close()


class ReplicatedRedisBench(RedisBench):
    """A primary with a replica."""

    nodes_wanted = 2


BENCHES = [AppRoleBench, TransitBench, PkiBench, ServedPkiBench, JwtBench, RedisBench, ReplicatedRedisBench]
