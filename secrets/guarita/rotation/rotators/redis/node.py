"""One Redis server: its ACL users, who is connected, and the fence's key. Each call is bounded in time."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError
from redis.retry import Retry

from guarita.rotation.errors import FencedOutError, PermanentError, TransientError
from guarita.rotation.interface import Fence

T = TypeVar("T")
_ATTEMPTS: Final = 5
_WAIT_MS: Final = 1_000
_TOKENS: Final = re.compile(r"\([^)]*\)|\S+")
_PASSING: Final = frozenset({"on", "off", "nopass", "resetpass", "sanitize-payload", "skip-sanitize-payload"})
"""What a user is beside its rights and passwords."""


@dataclass(frozen=True)
class AclUser:
    """A user as ACL LIST shows it."""

    name: str
    on: bool
    nopass: bool
    hashes: frozenset[str] = field(repr=False)
    """SHA-256 of its passwords."""
    rules: tuple[str, ...]


class Node:
    """A server at HOST:PORT, spoken to as the admin."""

    def __init__(
        self,
        address: str,
        *,
        user: str,
        password: Callable[[], str | None],
        tls: bool,
        ca_file: str | None,
        timeout: float,
    ) -> None:
        """`password` is asked for when a connection is made. `timeout` is in seconds, for each call."""
        host, _, port = address.rpartition(":") if re.search(r":\d+$", address) else (address, "", "6379")
        self.address = address
        self._user = user
        self._password = password
        self._options: dict[str, Any] = {
            "host": host.strip("[]"),
            "port": int(port),
            "socket_timeout": timeout,
            "socket_connect_timeout": timeout,
            "decode_responses": True,
            "retry": Retry(NoBackoff(), 0),
            **({"ssl": True, "ssl_ca_certs": ca_file, "ssl_check_hostname": True} if tls else {}),
        }
        self._admin: Any = None  # redis-py is typed in part

    def users(self) -> dict[str, AclUser]:
        """Every user of the ACL, by name."""
        lines = self._asked(lambda admin: admin.execute_command("ACL", "LIST"))
        found = [_parsed(str(line)) for line in lines]
        return {user.name: user for user in found}

    def clients_of(self, user: str) -> list[str]:
        """Who is connected as this user: `10.0.0.7:41234 (name)`."""
        clients = self._asked(lambda admin: admin.client_list())
        return [
            f"{client['addr']} ({client.get('name') or user})"
            for client in clients
            if client.get("user") == user
        ]

    def kill(self, user: str) -> None:
        """End every connection of this user."""
        self._asked(lambda admin: admin.execute_command("CLIENT", "KILL", "USER", user))

    def change(self, user: str, rules: Sequence[str], fence: Fence) -> None:
        """ACL SETUSER in one step with comparing the fence, and keep it over a restart.

        Raises FencedOutError where a later step was here. A password that is taken away and is not there is no error.
        """
        self._fenced(["ACL", "SETUSER", user, *rules], fence)
        self.keep()

    def raise_fence(self, fence: Fence) -> None:
        """Let no earlier step change anything here any more."""
        self._fenced(None, fence)

    def keep(self) -> None:
        """Write users to the ACL file, or to the configuration file. Raises PermanentError where there is neither."""
        try:
            self._asked(lambda admin: admin.execute_command("ACL", "SAVE"))
        except _RefusedError as error:
            if "not configured to use an ACL file" not in error.said:
                raise
            self._asked(lambda admin: admin.execute_command("CONFIG", "REWRITE"))

    def persists(self) -> bool:
        """Whether users outlive a restart."""
        try:
            file = self._asked(lambda admin: admin.config_get("aclfile")).get("aclfile")
        except _RefusedError:
            file = None  # CONFIG is forbidden: the server's information has to do
        return bool(file or self._asked(lambda admin: admin.info("server")).get("config_file"))

    def version(self) -> tuple[int, ...]:
        """Of the server."""
        told = self._asked(lambda admin: admin.info("server"))
        return tuple(int(part) for part in str(told["redis_version"]).split(".")[:3])

    def replicas(self) -> int | None:
        """How many replicas are connected; None for a replica."""
        told = self._asked(lambda admin: admin.info("replication"))
        return int(told["connected_slaves"]) if told["role"] == "master" else None

    def logs_in(self, user: str, password: str) -> bool:
        """Whether this user logs in by this password. Raises TransientError where nobody could say."""
        client = redis.Redis(**self._options, username=user, password=password)
        try:
            client.connection_pool.release(client.connection_pool.get_connection())
        except redis.AuthenticationError:
            return False
        except (redis.RedisError, OSError) as error:
            raise self._unanswered(error) from None
        finally:
            client.close()
        return True

    def close(self) -> None:
        """Let go of the connection."""
        if self._admin is not None:
            self._admin.close()
            self._admin = None

    def _fenced(self, command: Sequence[str] | None, fence: Fence) -> None:
        fence.hold()
        for _ in range(_ATTEMPTS):
            try:
                self._asked(lambda admin: self._step(admin, command, fence))
            except _WatchedError:
                continue
            except _RefusedError as error:
                if "does not exist" not in error.said:
                    raise
            return  # where it said so, the password is gone already
        raise TransientError("redis.busy", f"{self.address}: others keep raising the fence")

    def _step(self, admin: Any, command: Sequence[str] | None, fence: Fence) -> None:
        key = f"guarita:fence:{fence.secret}"
        told = admin.info("replication")
        # In a cluster the key belongs to one node alone, and hold() has to do.
        compared = not admin.info("cluster").get("cluster_enabled")
        primary = told["role"] == "master"
        with admin.pipeline(transaction=True) as pipeline:
            if compared:
                pipeline.watch(key)
                if int(pipeline.get(key) or 0) > fence.token:
                    raise FencedOutError(fence.secret, f"redis {self.address}")
                pipeline.multi()
                if primary:
                    pipeline.set(key, fence.token)
            if command is not None:
                pipeline.execute_command(*command)
            pipeline.execute()
        if compared and primary and told["connected_slaves"]:
            # So that the replicas, which come next, know of it. Best effort: every change names one password.
            admin.execute_command("WAIT", told["connected_slaves"], _WAIT_MS)

    def _asked(self, call: Callable[[Any], T]) -> T:
        if self._admin is None:
            self._admin = redis.Redis(**self._options, username=self._user, password=self._password())
        try:
            return call(self._admin)
        except redis.WatchError:
            raise _WatchedError from None
        except redis.AuthenticationError:
            self.close()
            raise TransientError(
                "redis.forbidden", f"{self.address}: the admin {self._user!r} does not log in", delay=300.0
            ) from None
        except NoPermissionError:
            raise PermanentError(
                "redis.forbidden",
                f"{self.address}: the admin {self._user!r} lacks a right",
                hint="it needs +acl +client|list +client|kill +info +config +watch +multi +exec +get +set +wait "
                "~guarita:fence:*",
            ) from None
        except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
            self.close()
            raise self._unanswered(error) from None
        except redis.ResponseError as error:
            raise _RefusedError(self.address, str(error)) from None

    def _unanswered(self, error: Exception) -> TransientError:
        return TransientError("redis.unreachable", f"{self.address}: no answer ({type(error).__name__})")


class _WatchedError(Exception):
    """Somebody else changed the fence between the look and the step."""


class _RefusedError(PermanentError):
    """The server says no. What it says may quote the command, and so stays inside."""

    def __init__(self, address: str, said: str) -> None:
        super().__init__("redis.refused", f"{address}: refused a command")
        self.said = said


def _parsed(line: str) -> AclUser:
    _, name, *tokens = _TOKENS.findall(line)
    return AclUser(
        name=name,
        on="on" in tokens,
        nopass="nopass" in tokens,
        hashes=frozenset(token[1:] for token in tokens if token.startswith("#")),
        rules=tuple(token for token in tokens if token not in _PASSING and not token.startswith("#")),
    )
