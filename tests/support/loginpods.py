"""A shop whose pods log in to PostgreSQL with the Secret that they were started with, and a rotation of that login."""

import base64
import contextlib
import threading
import time

import kubeing
import psycopg
import servers
import yaml
from kubeapi.client import ApiError
from kubeapi.cluster import secret
from kubeapi.kubelet import Behaviour, CrashError
from rotating import vault_at

from guarita import config
from guarita.rotation.choosing import Chosen
from guarita.rotation.kube.rbac import delivery_rules, lease_rules
from guarita.rotation.record import Recorder
from guarita.rotation.service import Service
from guarita.rotation.vault import Kv

FIRST = "what-was-there-before"


class Shop:
    """Two users of one owner role, a value in Vault, the plain Secret `db`, and whoever logs in with it."""

    def __init__(self, kube, bao, server, **settings):
        self.kube, self.bao, self.server = kube, bao, server
        self.mark = kube.namespace.replace("-", "_")
        self.users, self.place = [f"{self.mark}_a", f"{self.mark}_b"], f"secret/{kube.namespace}"
        self.failures, self.logins, self.lock = [], 0, threading.Lock()
        self.sabotage = lambda running: None
        with psycopg.connect(server.url(), autocommit=True) as admin:
            admin.execute(f"CREATE ROLE {self.mark}")
            admin.execute(f"CREATE ROLE {self.users[0]} LOGIN PASSWORD '{FIRST}' IN ROLE {self.mark}")
            admin.execute(f"CREATE ROLE {self.users[1]} IN ROLE {self.mark}")
        self.vault = vault_at(bao)
        self.kv = Kv(self.vault)
        first = {"username": self.users[0], "password": FIRST}
        self.kv.put(self.place, first, cas=0)
        kube.apply(secret(kube.namespace, "db", **first))
        (kube.folder / "token").write_text(servers.BAO_TOKEN)
        self.file = kube.folder / "guarita.yaml"
        self.write(**settings)

    def write(self, *, deliver=None, secret=None, vault=None, cluster=None, **settings):
        """guarita.yaml."""
        rotation = {
            "vault": {
                "address": self.bao, "state": f"secret/state-{self.kube.namespace}",
                "login": {"method": "token", "token": {"file": "token"}}, **(vault or {}),
            },
            "clusters": {
                "default": {
                    "kubeconfig": str(self.kube.server.kubeconfig(namespace=self.kube.namespace)),
                    "namespace": self.kube.namespace, "timeout_seconds": 5, **(cluster or {}),
                }
            },
            "secrets": {
                "login": {
                    "type": "postgres", "vault": self.place, "users": self.users, "owner_role": self.mark,
                    "host": "127.0.0.1", "port": self.server.port, "database": "postgres", "sslmode": "disable",
                    "admin": {"user": "guarita"}, "soak_seconds": 0,
                    "deliver": [{"secret": "db", **(deliver or {})}], **(secret or {}),
                }
            },
            "patience_seconds": 40, "max_restarts": 3, **settings,
        }  # fmt: skip
        self.file.write_text(yaml.safe_dump({"rotation": rotation}))

    def service(self, say=lambda _: None):
        found = config.load(self.file).rotation
        return Service(found, self.file.parent, recorder=Recorder(None, "stop"), say=say)

    def rotate(self, *, emergency=False):
        """As `guarita rotate run login`, in this process; gives the one report."""
        with self.service() as service:
            chosen = Chosen(service, anytime=True)
            chosen.add("login", asked=True, emergency=emergency)
            (report,) = chosen.moved()
            return report

    def resume(self):
        with self.service() as service:
            chosen = Chosen(service, anytime=True, takes_over=True)
            chosen.add("login", resumes=True)
            return chosen.moved()

    def as_account(self):
        """Runners act as an account with the printed rights from now on; gives its user name."""
        kube, namespace = self.kube, self.kube.namespace
        kube.apply(
            {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": "rotation", "namespace": namespace},
            }
        )
        kube.grant("rotation", [*delivery_rules(), *lease_rules()])
        token = kube.server.token(namespace, "rotation")
        self.write(
            cluster={"kubeconfig": str(kube.server.kubeconfig(token, namespace=namespace)), "timeout_seconds": 2},
            lease_seconds=0, patience_seconds=20,
        )  # fmt: skip
        return f"system:serviceaccount:{namespace}:rotation"

    def start(self, nursery, *words):
        """A runner as a process: `guarita rotate WORDS`."""
        # Whoever held it is dead or stopped: its Lease would end by itself, in some seconds.
        with contextlib.suppress(ApiError):
            self.kube.client.delete(self.kube.path("leases", "guarita-rotation"))
        return nursery.start(
            "rotate",
            *words,
            "--config",
            self.file,
            "--ledger",
            "none",
            "--json",
            cwd=self.kube.folder,
            env={},
        )

    def run(self, nursery, *words):
        """One that ends by itself and well."""
        runner = self.start(nursery, *words)
        assert runner.wait() == 0, runner.said()

    def entry(self):
        with self.service() as service:
            return service.entry("login")

    def published(self):
        return dict(self.kv.get(self.place).data)

    def can_log_in(self, username, password):
        try:
            self.connect(username, password).close()
        except psycopg.OperationalError:
            return False
        return True

    def connect(self, username, password):
        return psycopg.connect(
            host="127.0.0.1",
            port=self.server.port,
            dbname="postgres",
            user=username,
            password=password,
            connect_timeout=5,
        )

    def pods(self):
        """The behaviour of its pods."""
        return lambda running: LoginPod(running, self)

    def try_login(self, name, login):
        """A session, or None after noting that there is none."""
        with self.lock:
            self.logins += 1
        try:
            return self.connect(*login)
        except psycopg.OperationalError:
            with self.lock:
                self.failures.append((time.time(), name, login[0]))
            return None

    def settled(self, kubelet):
        """The published value logs in, so does that of every live pod, nothing else does, nothing unneeded is left."""
        published = self.published()
        assert self.can_log_in(published["username"], published["password"])
        for life in kubelet.live():
            assert self.can_log_in(*life.behaviour.login), life.name
        entry = self.entry()
        assert entry is None or entry.work is None
        current = None if entry is None else entry.current
        there = {pod.rotation for pod in self.kube.cluster.pods(self.kube.delivery)}
        assert there == {None if current is None or current.rotation == "adopted" else current.rotation}
        names = set(self.kube.secret_names())
        plain = self.kube.read("secrets", "db")["data"]
        if entry is not None:
            held = {name: base64.b64decode(plain[name]).decode() for name in ("username", "password")}
            assert held == published, "a chart that puts the plain name back brings what works"
        assert names <= {"db", *(f"db-{one}" for one in there if one)}
        (other,) = set(self.users) - {published["username"]}
        with psycopg.connect(self.server.url()) as admin:
            sql = "SELECT rolcanlogin AND rolpassword IS NOT NULL FROM pg_authid WHERE rolname = %s"
            assert admin.execute(sql, (other,)).fetchone()[0] is False
        return entry

    def close(self):
        self.vault.close()
        with psycopg.connect(self.server.url(), autocommit=True) as admin:
            for role in (*self.users, self.mark):
                admin.execute(f"DROP ROLE IF EXISTS {role}")


class LoginPod(Behaviour):
    """Keeps a session, and logs in anew each time that it is asked whether it is ready."""

    linger = 0.3

    def __init__(self, running, shop):
        super().__init__(running)
        self.shop, self.session = shop, None
        env, files = running.env, running.files
        self.login = [env.get(name.upper()) or files.get(f"db/{name}") for name in ("username", "password")]

    def start(self):
        if self.shop.sabotage(self.running) == "crash":
            raise CrashError("sabotaged")
        self.session = self.shop.try_login(self.running.name, self.login)
        if self.session is None:
            raise CrashError("password authentication failed")

    def ready(self):
        if self.shop.sabotage(self.running) == "unready":
            return False
        session = self.shop.try_login(self.running.name, self.login)
        if session is not None:
            session.close()
        return session is not None

    def stop(self):
        if self.session is not None:
            self.session.close()


def closed(server):
    """Lets nobody but the administrator in without a password."""
    (server.data / "pg_hba.conf").write_text(
        "host all guarita 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
    )
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("SELECT pg_reload_conf()")
    return server


def spec(**more):
    """A pod that takes user and password by its environment."""
    variables = [
        {"name": name.upper(), "valueFrom": {"secretKeyRef": {"name": "db", "key": name}}}
        for name in ("username", "password")
    ]
    probe = {"exec": {"command": ["login"]}}
    container = {"name": "app", "image": "registry.test/app:1", "env": variables, "readinessProbe": probe}
    return {"containers": [container], "terminationGracePeriodSeconds": 3, **more}


def from_files():
    """A pod that takes them from a volume."""
    found = spec()
    del found["containers"][0]["env"]
    found["containers"][0]["volumeMounts"] = [{"name": "db", "mountPath": "/etc/db"}]
    found["volumes"] = [{"name": "db", "secret": {"secretName": "db"}}]
    return found


def fleet(namespace):
    """Three kinds of workloads that log in."""
    return [
        kubeing.deployment(namespace, replicas=3, spec=spec(), progressDeadlineSeconds=20),
        kubeing.statefulset(namespace, replicas=2, spec=from_files()),
        kubeing.daemonset(namespace, spec=spec()),
    ]


__all__ = ["FIRST", "Shop", "closed", "fleet", "servers", "spec"]
