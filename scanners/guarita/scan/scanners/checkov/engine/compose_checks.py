"""What is looked for in a service of a Compose file: one small function for each rule."""

from __future__ import annotations

import ipaddress
import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .compose_values import UNKNOWN, Unknown, filled, is_true, text
from .documents import UnreadableError

Found = Iterator[tuple[str, str]]
"""The field, and what in it."""
SOCKETS = re.compile(r"/(docker|containerd|crio|podman)(\.raw)?\.sock$")
FOLDERS = ("/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/root", "/run", "/sys", "/usr", "/var/run")
ENGINES = ("/var/lib/docker", "/var/lib/containerd", "/var/lib/containers", "/var/lib/kubelet")
HARMLESS = {"/etc/localtime", "/etc/timezone"}
ABOVE = {"/", "/var", "/var/lib", "/home", "~"}
"""Folders of which only the whole is too much."""
RIGHTS = {
    "ALL", "BPF", "DAC_READ_SEARCH", "MAC_ADMIN", "MAC_OVERRIDE", "NET_ADMIN", "PERFMON", "SYSLOG", "SYS_ADMIN",
    "SYS_BOOT", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "SYS_TIME",
}  # fmt: skip
"""Capabilities (capabilities(7)) that reach the host or other containers."""
DATABASES = {
    "1433", "1521", "2379", "3306", "5432", "5984", "6379", "8086", "9042", "9200", "9300", "11211", "26257", "27017",
}  # fmt: skip
"""Ports on which databases and caches listen by default."""


@dataclass(frozen=True)
class Check:
    """One rule, with the fields that a finding takes from it."""

    id: str
    name: str
    find: Callable[[dict[str, Any]], Found]
    guideline: str = ""


def _privileged(service: dict[str, Any]) -> Found:
    if is_true(service.get("privileged"), "privileged"):
        yield "privileged", ""


def _host(field: str) -> Callable[[dict[str, Any]], Found]:
    def find(service: dict[str, Any]) -> Found:
        if filled(service.get(field), field).strip() == "host":
            yield field, ""

    return find


def _sockets(service: dict[str, Any]) -> Found:
    yield from (("volumes", source) for source in _sources(service) if SOCKETS.search(source))


def _folders(service: dict[str, Any]) -> Found:
    for source in _sources(service):
        below = any(source == folder or source.startswith(f"{folder}/") for folder in (*FOLDERS, *ENGINES))
        if (source in ABOVE or below) and source not in HARMLESS and not SOCKETS.search(source):
            yield "volumes", source


def _sources(service: dict[str, Any]) -> Iterator[str]:
    """The places of the host that a service mounts."""
    for item in _items(service, "volumes"):
        if isinstance(item, dict):
            if text(item.get("type")) not in {"bind", UNKNOWN, ""}:
                continue
            source = text(_here(item.get("source")))
        else:
            source, colon, _ = text(_here(item)).partition(":")
            if not colon:
                continue
        if source.startswith(UNKNOWN):
            raise Unknown("volumes")
        if source.startswith(("/", "~")):
            yield (
                posixpath.normpath("/" + source.lstrip("/")) if source.startswith("/") else source.rstrip("/")
            )


def _here(source: Any) -> Any:
    """A place told from the folder where compose is run, which every shell knows as PWD."""
    return re.sub(r"^\$(PWD\b|\{PWD\})(?=[:/]|$)", ".", source) if isinstance(source, str) else source


def _capabilities(service: dict[str, Any]) -> Found:
    for item in _items(service, "cap_add"):
        name = filled(item, "cap_add").strip().upper().removeprefix("CAP_")
        if name in RIGHTS:
            yield "cap_add", name


def _unconfined(service: dict[str, Any]) -> Found:
    for item in _items(service, "security_opt"):
        option = filled(item, "security_opt").replace(" ", "").replace("=", ":").lower()
        if option.endswith(":unconfined") or option == "label:disable":
            yield "security_opt", option


def _ports(service: dict[str, Any]) -> Found:
    for item in _items(service, "ports"):
        if isinstance(item, dict):
            address, target = text(item.get("host_ip")), text(item.get("target"))
        else:
            rest, _, target = text(item).partition("/")[0].rpartition(":")
            address, _, _ = rest.rpartition(":")
        if target in DATABASES and _is_everywhere(address):
            yield "ports", target


def _is_everywhere(address: str) -> bool:
    """Whether an address stands for all of the host's. Without one, Compose takes all."""
    if not address or UNKNOWN in address:
        return True
    try:
        return ipaddress.ip_address(address.strip("[]")).is_unspecified
    except ValueError:
        return False


def _image(service: dict[str, Any]) -> Found:
    image = text(service.get("image"))
    if not image or "@" in image or service.get("build") is not None:
        return
    tag = image.rpartition("/")[2].partition(":")[2]
    if tag in {"", "latest"} and not image.endswith(UNKNOWN):
        yield "image", ""


def _items(service: dict[str, Any], field: str) -> list[Any]:
    value = service.get(field)
    if value is None:
        return []
    if not isinstance(value, list):
        raise UnreadableError(f"{field} that is no list")
    return value


CHECKS = (
    Check("GUARITA_COMPOSE_1", "A service runs privileged", _privileged),
    Check("GUARITA_COMPOSE_2", "A service shares the host's network", _host("network_mode")),
    Check("GUARITA_COMPOSE_3", "A service sees the host's processes", _host("pid")),
    Check("GUARITA_COMPOSE_4", "A service shares the host's memory", _host("ipc")),
    Check("GUARITA_COMPOSE_5", "A service is outside the user namespace", _host("userns_mode")),
    Check("GUARITA_COMPOSE_6", "A service holds the container engine's socket", _sockets),
    Check("GUARITA_COMPOSE_7", "A service mounts a sensitive folder of the host", _folders),
    Check("GUARITA_COMPOSE_8", "A service has a capability that reaches the host", _capabilities),
    Check("GUARITA_COMPOSE_9", "A service runs unconfined", _unconfined),
    Check("GUARITA_COMPOSE_10", "A database is published on all addresses", _ports),
    Check("GUARITA_COMPOSE_11", "An image has no tag, or latest", _image),
)
