"""Benches of the rotators that stand in the core, and any bench driven by `guarita rotate` as a process."""

import base64
import hashlib
import hmac
import json
import os
import signal
from pathlib import Path

import msgspec
import psycopg
import yaml
from driving import settled
from psycopg import sql
from rotating import vault_at
from rotatorbenches import Bench

from guarita.audit import open_ledger
from guarita.config.rotation_base import GeneratorSection
from guarita.config.rotation_secrets import KvSecret, PostgresAdminSection, PostgresSecret
from guarita.rotation.journal import Journal, Phase
from guarita.rotation.vault import Kv

ORDER = [
    "planned",
    "created",
    "proven",
    "published",
    "delivered",
    "verified",
    "disabled",
    "refused",
    "destroyed",
    "done",
]
HURRIED = [*ORDER[:4], *ORDER[6:8], *ORDER[4:6], *ORDER[8:]]


class KvBench(Bench):
    kind = "kv"

    def prepare(self):
        self.place = f"secret/{self.mark}"
        self.published = {"value": "what-was-there-before", "beside": "kept"}
        self.write(f"secret/data/{self.mark}", data=self.published)
        return KvSecret(vault=self.place, fields={"value": GeneratorSection()})

    def valid(self):
        kv = Kv(vault_at(self.root.url, token=self.root.token))
        readable = [version for version, there in kv.versions(self.place).items() if there]
        return {
            hashlib.sha256(kv.get(self.place, one).data["value"].encode()).hexdigest() for one in readable
        }

    def name_of(self, credential):
        return hashlib.sha256(credential.values["value"].encode()).hexdigest()


class PostgresBench(Bench):
    kind = "postgres"
    server = None
    """Set by who starts one for all benches."""

    def prepare(self):
        self.users = [f"app_{self.mark}_a", f"app_{self.mark}_b"]
        self.owner = f"app_{self.mark}"
        self.admin = psycopg.connect(self.server.url(), autocommit=True)
        for statement in (
            f"CREATE ROLE {self.owner}",
            f"CREATE ROLE {self.users[0]} LOGIN PASSWORD 'what-was-there-before' IN ROLE {self.owner}",
            f"CREATE ROLE {self.users[1]} IN ROLE {self.owner}",
        ):
            self.admin.execute(statement)
        self.published = {
            "username": self.users[0], "password": "what-was-there-before", "host": "db.example", "port": "5432",
        }  # fmt: skip
        self.write(f"secret/data/{self.mark}", data=self.published)
        return PostgresSecret(
            vault=f"secret/{self.mark}", users=self.users, owner_role=self.owner, host="127.0.0.1",
            port=self.server.port, database="postgres", sslmode="disable",
            admin=PostgresAdminSection(user="guarita"),
        )  # fmt: skip

    def valid(self):
        """Users that may log in and have a password, and its salted digest."""
        rows = self.admin.execute(
            "SELECT rolname, rolpassword FROM pg_authid WHERE rolname = ANY(%s) AND rolcanlogin AND rolpassword IS NOT NULL",
            (self.users,),
        ).fetchall()
        return {f"{user} {verifier.rpartition(':')[2]}" for user, verifier in rows}

    def name_of(self, credential):
        """The user, and the digest that his verifier has if this is his password (RFC 5802)."""
        user, password = credential.values["username"], credential.values["password"]
        row = self.admin.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", (user,)).fetchone()
        if row is None or row[0] is None:
            return f"{user} none"
        iterations, _, salt = row[0].split("$")[1].partition(":")
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(iterations))
        return f"{user} {base64.b64encode(hmac.digest(salted, b'Server Key', 'sha256')).decode()}"

    def logs_in(self, user, password):
        try:
            with psycopg.connect(
                host="127.0.0.1", port=self.server.port, dbname="postgres", user=user, password=password
            ):
                return True
        except psycopg.OperationalError:
            return False

    def close(self):
        for role in (*self.users, self.owner):
            self.admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))
        self.admin.close()
        super().close()


def scram(server):
    """Let nobody but the administrator in without a password."""
    (server.data / "pg_hba.conf").write_text(
        "host all guarita 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
    )
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("SELECT pg_reload_conf()")
    return server


class Case:
    """One bench's secret, rotated by processes that reach every server through relays."""

    def __init__(self, bench, nursery, relays, folder, *, deliver=(), clusters=None, **settings):
        self.bench, self.nursery, self.relays, self.folder = bench, nursery, relays, Path(folder)
        self.state = f"secret/state-{bench.mark}"
        self.ledger = self.folder / f"ledger-{bench.mark}.db"
        bench.eyes = vault_at(bench.root.url, token=bench.root.token)
        self.kv = Kv(bench.eyes)
        section = msgspec.structs.replace(bench.section, soak_seconds=0.0)
        if bench.kind == "postgres" and "postgres" in relays:
            section = msgspec.structs.replace(section, port=relays["postgres"].port)
        if bench.kind == "redis":
            section = msgspec.structs.replace(section, nodes=[f"127.0.0.1:{relays['redis'].port}"])
        content = msgspec.to_builtins(section)
        if deliver:
            content["deliver"] = list(deliver)
        rotation = {
            "vault": {"address": relays["vault"].url, "state": self.state, "timeout_seconds": 5},
            "secrets": {bench.name: content},
            "lease_seconds": 0,
            "patience_seconds": 20,
            **({"clusters": clusters} if clusters else {}),
            **settings,
        }
        self.rotation = rotation
        self.config = self.folder / "guarita.yaml"
        self.section()

    def section(self, **settings):
        """Write the configuration, with these settings of the secret."""
        self.rotation["secrets"][self.bench.name] |= settings
        self.config.write_text(
            yaml.safe_dump({"rotation": self.rotation, "ledger": {"checkpoint_every": 10_000}})
        )

    def start(self, *args, clock=None, ledger=None):
        """A runner: `guarita rotate ARGS`."""
        return self.nursery.start(
            "rotate", *args, "--config", self.config, "--ledger", ledger or self.ledger, "--json",
            cwd=self.folder, env={"VAULT_TOKEN": self.bench.root.token}, clock=clock,
        )  # fmt: skip

    def run(self, *args, status=0, clock=None):
        """A runner that ends by itself; gives it."""
        runner = self.start(*args, clock=clock)
        assert runner.wait() == status, runner.said()
        return runner

    def rotate(self, **more):
        return self.run("run", self.bench.name, **more)

    def resume(self, **more):
        return self.run("resume", **more)

    @property
    def entry(self):
        return Journal(self.kv, self.state, self.bench.name, nonce=str).read()

    def events(self):
        """What the ledger was told, oldest first."""
        with open_ledger(str(self.ledger), create=False, read_only=True) as ledger:
            found = [found.event for found in ledger.query()]
        return [event for event in found if event["class_uid"] == 3004]

    def settled(self):
        """Nothing is under way or left over; what is published works, and nothing else does."""
        place = getattr(self.bench.section, "vault", None)
        there = None if place is None else self.kv.get(place)
        self.bench.published = {} if there is None else dict(there.data)
        entry = self.entry
        live = settled(self, entry)
        if place is not None:
            readable = [version for version, kept in self.kv.versions(place).items() if kept]
            assert readable == [there.version], "old versions are destroyed"
            assert entry.current.version == there.version
        self.told(entry)
        return live

    def told(self, entry):
        """The ledger says of every rotation how it went, and how it ended."""
        phases, hurried = {}, set()
        for event in self.events():
            details = event["unmapped"]["guarita"]
            phases.setdefault(details["rotation"], []).append(details["phase"])
            if details.get("emergency"):
                hurried.add(details["rotation"])
        for rotation, told in phases.items():
            forward = [phase for phase in told if phase in ORDER]
            orders = [HURRIED, ORDER] if rotation in hurried else [ORDER]  # some are hurried on their way
            assert any(forward == sorted(forward, key=order.index) for order in orders), (rotation, told)
            assert told[-1] in {"done", "rolled-back"}, (rotation, told)
            if told[-1] == "done":
                assert {"planned", "created", "proven", "published", "verified", "done"} <= set(told), told
        assert phases[entry.last.rotation][-1] == entry.last.phase

    def secrets(self):
        """Every value that was ever staged or published through the relay."""
        found = set()
        for path, body in self.relays["vault"].bodies:
            if "/data/" in path and self.bench.mark in path and body:
                data = json.loads(body).get("data") or {}
                new = data.get("new") or {}
                found |= {(data.get("username"), data.get("password"))}
                found |= {
                    ((new.get("values") or {}).get("username"), (new.get("values") or {}).get("password"))
                }
        return {(user, password) for user, password in found if user and password}


def interrupted(runner):
    """Kill it, if it is still there."""
    try:
        os.kill(runner.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    runner.wait()


__all__ = ["Case", "KvBench", "Phase", "PostgresBench", "interrupted", "scram"]
