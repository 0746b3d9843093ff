"""Rotation under load: failed logins against the usual way and OpenBao's own, its overhead, and what many secrets cost.

Usage: python benchmarks/rotation.py [--quick] [--json]. Consumers log in 200 times a second with the value that they
were started with, and hold a session each; every way of rotating restarts them in the same manner, one after another.
"""

# ruff: noqa: ARG002  # what stands for a cluster takes what a cluster takes

from __future__ import annotations

import json
import os
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from harness import Bench, spend

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/support"))

import hvac
import kubeing
import msgspec
import psycopg
import servers
import yaml
from kubeapi import cluster as kubecluster
from psycopg import sql

from guarita.config.rotation import ClusterSection, RotationSection
from guarita.rotation.clock import Moment
from guarita.rotation.engine.runner import Result, Runner, Task
from guarita.rotation.errors import NotYetError
from guarita.rotation.interface import Consumer, Delivery, Fence, PodState, Problem, Proof
from guarita.rotation.journal import Entity, Entry, Journal, Outcome, Phase
from guarita.rotation.record import Recorder
from guarita.rotation.service import Clusters, Service
from guarita.rotation.vault import Kv, Vault
from guarita.rotation.vault.login import connect

PODS = 10
LOGINS = 200
"""A second, by all pods together."""
MEASURED = """
import re, sys
from pathlib import Path
from guarita.cli.main import run
status = run(sys.argv[1:])
sys.stderr.write(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text()).group(1))
"""
"""A command, and at last on stderr how many KB it had at most: what the kernel tells a parent counts the parent's own."""


class Pod(threading.Thread):
    """Logs in by the value that it was started with, from its start to its end."""

    def __init__(self, fleet: Fleet, rotation: str | None, login: Mapping[str, str]) -> None:
        super().__init__(daemon=True)
        self.fleet, self.rotation, self.login = fleet, rotation, login
        self.ending, self.ready = threading.Event(), threading.Event()

    def run(self) -> None:
        session = self.connect()
        self.ready.set()
        due = time.monotonic()
        while not self.ending.is_set():
            due += PODS / LOGINS
            probe = self.connect()
            if probe is not None:
                probe.close()
            self.ending.wait(max(0.0, due - time.monotonic()))
        if session is not None:
            session.close()

    def connect(self) -> psycopg.Connection[Any] | None:
        try:
            made = psycopg.connect(autocommit=True, **self.fleet.server, **self.login)
        except psycopg.OperationalError:
            self.fleet.failed += 1
            return None
        self.fleet.logins += 1
        return made


class Fleet(Clusters):
    """The consumers. Also stands for the cluster that they run in, as the engine sees one."""

    def __init__(self, server: Mapping[str, Any], login: Mapping[str, str]) -> None:
        super().__init__({"default": ClusterSection()}, Path())
        self.server = server
        self.logins = self.failed = 0
        self.stored: dict[str | None, Mapping[str, str]] = {None: login}
        self.current: str | None = None
        self.rolling: threading.Thread | None = None
        self.running: list[Pod] = []
        self.restarting = 0.0
        for _ in range(PODS):
            self.start(None)

    def start(self, rotation: str | None) -> None:
        pod = Pod(self, rotation, self.stored[rotation])
        pod.start()
        pod.ready.wait(30)
        self.running.append(pod)

    def restart(self, rotation: str | None) -> None:
        """One after another: a new one starts, is ready, and an old one ends."""
        started = time.monotonic()
        for old in [pod for pod in self.running if pod.rotation != rotation]:
            self.start(rotation)
            old.ending.set()
            old.join(30)
            self.running.remove(old)
        self.restarting += time.monotonic() - started

    def stop(self) -> None:
        for pod in self.running:
            pod.ending.set()
        for pod in self.running:
            pod.join(30)

    def __getitem__(self, name: str) -> Fleet:
        return self

    def consumers(self, delivery: Delivery) -> list[Consumer]:
        return [Consumer(delivery=delivery, kind="Deployment", name="fleet", rotation=self.current)]

    def check(self, delivery: Delivery) -> list[Problem]:
        return []

    def store(self, delivery: Delivery, rotation: str | None, data: Mapping[str, str], fence: Fence) -> None:
        self.stored[rotation] = {"user": data["username"], "password": data["password"]}

    def canary(self, consumer: Consumer, rotation: str | None, fence: Fence) -> Proof:
        psycopg.connect(**self.server, **self.stored[rotation]).close()
        return Proof(kind="canary")

    def point(self, consumer: Consumer, rotation: str | None, fence: Fence) -> None:
        if self.current == rotation:
            return
        self.current = rotation
        self.rolling = threading.Thread(target=self.restart, args=(rotation,), daemon=True)
        self.rolling.start()

    def converged(self, consumer: Consumer, rotation: str | None) -> Proof:
        if self.rolling is not None and self.rolling.is_alive():
            raise NotYetError("bench.rolling", "restarting", delay=0.02)
        return Proof(kind="rollout")

    def pods(self, delivery: Delivery) -> list[PodState]:
        return [
            PodState(name=pod.name, owner="fleet", rotation=pod.rotation, ready=True, terminating=False)
            for pod in self.running
        ]

    def prune(self, delivery: Delivery, keep: Collection[str], fence: Fence) -> tuple[str, ...]:
        return ()

    def acquire(self, holder: str, seconds: float) -> str | None:
        return None

    def release(self, holder: str) -> None:
        pass

    def close(self) -> None:
        pass


class Setting:
    """A PostgreSQL server and an OpenBao, and one login."""

    def __init__(self, postgres: servers.Postgres, address: str, mark: str) -> None:
        self.postgres, self.address, self.mark = postgres, address, mark
        self.admin = psycopg.connect(postgres.url(), autocommit=True)
        self.root = hvac.Client(address, token=servers.BAO_TOKEN)
        self.server = {"host": "127.0.0.1", "port": postgres.port, "dbname": "postgres"}
        self.users = [f"{mark}_a", f"{mark}_b"]
        self.login = {"user": self.users[0], "password": secrets.token_hex(16)}
        for statement in (
            sql.SQL("CREATE ROLE {}").format(sql.Identifier(mark)),
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE {}").format(
                sql.Identifier(self.users[0]), sql.Literal(self.login["password"]), sql.Identifier(mark)
            ),
            sql.SQL("CREATE ROLE {} IN ROLE {}").format(sql.Identifier(self.users[1]), sql.Identifier(mark)),
        ):
            self.admin.execute(statement)
        self.publish(self.login["password"])

    def publish(self, password: str, user: str | None = None) -> None:
        self.root.secrets.kv.v2.create_or_update_secret(
            self.mark, {"username": user or self.users[0], "password": password}
        )

    def section(self) -> RotationSection:
        content = {
            "vault": {"address": self.address, "state": f"secret/state-{self.mark}"},
            "lease_seconds": 0,
            "patience_seconds": 60,
            "secrets": {
                "login": {
                    "type": "postgres", "vault": f"secret/{self.mark}", "users": self.users, "owner_role": self.mark,
                    "host": "127.0.0.1", "port": self.postgres.port, "database": "postgres", "sslmode": "disable",
                    "admin": {"user": "guarita"}, "soak_seconds": 0, "deliver": [{"secret": "login"}],
                }
            },
        }  # fmt: skip
        return msgspec.convert(content, RotationSection)


def by_guarita(setting: Setting, fleet: Fleet) -> float:
    """One rotation; gives its seconds."""
    section = setting.section()
    vault = connect(section.vault, Path(), lambda _: "")
    started = time.monotonic()
    with Service(section, Path(), recorder=Recorder(None, "stop"), vault=vault, clusters=fleet) as service:
        report = Runner(patience=60).run([Task(service.machine("login"), begins=True)])[0]
    assert report.result is Result.DONE, report
    return time.monotonic() - started


def by_overwriting(setting: Setting, fleet: Fleet) -> float:
    """The usual way: a new password for the one user, the secret written, the consumers restarted."""
    started, password = time.monotonic(), secrets.token_hex(16)
    setting.admin.execute(
        sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(setting.users[0]), sql.Literal(password))
    )
    setting.publish(password)
    rotation = secrets.token_hex(4)
    fleet.stored[rotation] = {"user": setting.users[0], "password": password}
    fleet.restart(rotation)
    return time.monotonic() - started


def by_openbao(setting: Setting, fleet: Fleet) -> float:
    """OpenBao's database engine, static role: it makes the password, consumers are restarted with what it says."""
    started = time.monotonic()
    setting.root.adapter.request("post", f"/v1/database/rotate-role/{setting.mark}")
    answer = setting.root.adapter.request("get", f"/v1/database/static-creds/{setting.mark}")
    rotation = secrets.token_hex(4)
    fleet.stored[rotation] = {"user": setting.users[0], "password": answer["data"]["password"]}
    fleet.restart(rotation)
    return time.monotonic() - started


def static_role(setting: Setting) -> dict[str, str]:
    """Make the static role; gives the login that it has then."""
    root = setting.root
    root.sys.enable_secrets_engine("database")
    root.adapter.request(
        "post", "/v1/database/config/bench",
        json={
            "plugin_name": "postgresql-database-plugin", "allowed_roles": "*", "username": "guarita", "password": "x",
            "connection_url": "postgresql://{{username}}:{{password}}@127.0.0.1:"
            f"{setting.postgres.port}/postgres?sslmode=disable",
            "password_authentication": "scram-sha-256",
        },
    )  # fmt: skip
    root.adapter.request(
        "post", f"/v1/database/static-roles/{setting.mark}",
        json={"db_name": "bench", "username": setting.users[0], "rotation_period": "720h"},
    )  # fmt: skip
    answer = root.adapter.request("get", f"/v1/database/static-creds/{setting.mark}")
    return {"user": setting.users[0], "password": answer["data"]["password"]}


def under_load(bench: Bench, postgres: servers.Postgres, address: str) -> None:
    """Rotations of each kind while consumers log in."""
    rotations = 3 if bench.quick else 50
    failed = {}
    for name, rotate in (("guarita", by_guarita), ("overwrite", by_overwriting), ("openbao", by_openbao)):
        setting = Setting(postgres, address, f"bench_{name}")
        login = static_role(setting) if name == "openbao" else setting.login
        fleet = Fleet(setting.server, login)
        started = time.monotonic()
        spent = [rotate(setting, fleet) for _ in range(rotations)]
        took = time.monotonic() - started
        fleet.stop()
        failed[name] = fleet.failed
        told = {
            "guarita": "Guarita",
            "overwrite": "overwrite and restart",
            "openbao": "OpenBao's static role",
        }[name]
        bench.add(
            f"failed logins in {rotations} rotations, {told}",
            fleet.failed,
            "",
            **({"at_most": 0} if name == "guarita" else {}),
        )
        bench.add(f"logins a second meanwhile, {told}", fleet.logins / took, "1/s")
        bench.add(
            f"seconds of a rotation beyond the restarts, {told}", (sum(spent) - fleet.restarting) / rotations, "s",
        )  # fmt: skip
        setting.admin.close()
    worst = min(failed["overwrite"], failed["openbao"])
    bench.add(
        "failed logins of the better peer, to Guarita's and one",
        worst / (failed["guarita"] + 1),
        "x",
        at_least=1,
    )


def many(bench: Bench, address: str, plane: kubecluster.Cluster) -> None:
    """Requests and memory of `plan` and `status`, by the number of secrets; each is delivered to a Deployment."""
    sizes = (10, 100) if bench.quick else (10, 100, 1000)
    with plane.namespace() as namespace, tempfile.TemporaryDirectory() as folder:
        root = hvac.Client(address, token=servers.BAO_TOKEN)
        config = connect_section(address)
        vault = connect(config.vault, Path(), lambda _: "")
        now = time.time()
        kubeconfig = plane.kubeconfig(namespace=namespace)
        names: list[str] = []
        peaks = {}
        for size in sizes:
            for number in range(len(names), size):
                name = f"s{number}"
                names.append(name)
                made = root.secrets.kv.v2.create_or_update_secret(f"many/{name}", {"value": "x" * 40})
                write_journal(vault, config, name, made["data"]["version"], now)
                if number % 10 == 0:
                    spec = kubeing.pod_spec(secret=name)
                    plane.apply(
                        kubecluster.secret(namespace, name, password="x"),
                        kubeing.deployment(namespace, name, spec=spec, replicas=1),
                    )
            file = Path(folder) / "guarita.yaml"
            content = {
                "vault": {"address": address, "state": config.vault.state},
                "clusters": {"default": {"kubeconfig": str(kubeconfig), "namespace": namespace}},
                "secrets": {
                    name: {"type": "kv", "vault": f"secret/many/{name}", "deliver": [{"secret": name}]}
                    for name in names
                },
            }
            file.write_text(yaml.safe_dump({"rotation": content}))
            for command in ("status", "plan"):
                answer, high = Path(folder) / "answer.json", Path(folder) / "high"
                with answer.open("w") as out, high.open("w") as error:
                    spent = spend(
                        [sys.executable, "-c", MEASURED, "rotate", command, "--config", file, "--json"],
                        stdout=out, stderr=error, env={**os.environ, "VAULT_TOKEN": servers.BAO_TOKEN},
                    )  # fmt: skip
                peak = int(high.read_text().split()[-1]) / 1024
                told = json.loads(answer.read_text())
                assert len(told["secrets"]) == size, told["errors"]
                requests = told["requests"]
                limit = {"status": 1, "plan": 3}[command]
                bench.add(
                    f"requests to Vault for each secret, {command} of {size}", (requests["vault"] - 1) / size, "",
                    at_most=limit,
                )  # fmt: skip
                bench.add(
                    f"requests to Kubernetes, {command} of {size}",
                    requests["kubernetes"],
                    "",
                    at_most=25 + size // 50,
                )
                bench.add(f"peak memory, {command} of {size}", peak, "MB")
                bench.add(f"seconds, {command} of {size}", spent.wall, "s")
                peaks.setdefault(command, []).append(peak)
        for command, found in peaks.items():
            bench.add(
                f"memory of {sizes[-1]} secrets beyond that of {sizes[0]}, {command}",
                found[-1] - found[0],
                "MB",
                at_most=64,
            )


def connect_section(address: str) -> RotationSection:
    return msgspec.convert({"vault": {"address": address, "state": "secret/state-many"}}, RotationSection)


def write_journal(vault: Vault, config: RotationSection, name: str, version: int, now: float) -> None:
    """As a finished rotation leaves it."""
    current = Entity(
        rotation="20260101-0badcafe", handle={}, fingerprint="0" * 16, version=version, created=now
    )
    last = Outcome(rotation=current.rotation, phase=Phase.DONE, at=Moment(local=now, server=now))
    journal = Journal(Kv(vault), config.vault.state, name, nonce=lambda: "bench")
    journal.write(Entry(secret=name, kind="kv", current=current, last=last))


def main() -> int:
    bench = Bench.started("Rotation: 200 logins a second, against overwriting and OpenBao's static role")
    os.environ["VAULT_TOKEN"] = servers.BAO_TOKEN
    with tempfile.TemporaryDirectory() as folder, servers.openbao(folder) as (address, _):
        with servers.postgres() as postgres:
            (postgres.data / "pg_hba.conf").write_text(
                "host all guarita 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
            )
            with psycopg.connect(postgres.url(), autocommit=True) as connection:
                connection.execute("SELECT pg_reload_conf()")
            under_load(bench, postgres, address)
        kube = Path(folder) / "kube"
        kube.mkdir()
        with kubecluster.running(kube) as plane:
            many(bench, address, plane)
    return bench.finish()


if __name__ == "__main__":
    sys.exit(main())
