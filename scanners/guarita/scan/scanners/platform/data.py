"""What is stored, kept secret, backed up, and where it all stands."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from guarita.policy.packs.platform import load_pack
from guarita.scan.scanners.platform.interface import Check, Fault, Tree, containers_of, first, plain

SWITCHES: Final = {
    "aws_rds_cluster": ("storage_encrypted",),
    "aws_db_instance": ("storage_encrypted",),
    "aws_efs_file_system": ("encrypted",),
    "aws_ebs_volume": ("encrypted",),
    "aws_elasticache_replication_group": ("at_rest_encryption_enabled",),
    "aws_opensearch_domain": ("encrypt_at_rest", "enabled"),
    "aws_elasticsearch_domain": ("encrypt_at_rest", "enabled"),
    "aws_eks_cluster": ("encryption_config",),
}
"""What has to be on, by type of resource."""
SSE: Final = "aws_s3_bucket_server_side_encryption_configuration"
HOURLY: Final = re.compile(r"@hourly|\d{1,2} \* \* \* \*")
DAILY: Final = re.compile(r"0 0?2 \* \* \*")
WEEKLY: Final = re.compile(r"@weekly|\d{1,2} \d{1,2} \* \* ([0-7]|[A-Za-z]{3})")
OFTEN: Final = re.compile(r"@(hourly|daily|midnight)|\S+ \S+ \* \* \*")
_AWS: Final = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) \S+\)")


def encryption(tree: Tree) -> Iterator[Fault]:
    for thing in tree.of(*SWITCHES):
        node: Any = thing.data
        for key in SWITCHES[thing.kind]:
            node = first(node.get(key)) if isinstance(node, dict) else None
        if node is None or node is False or str(node).lower() == "false":
            yield Fault(thing, f"{'.'.join(SWITCHES[thing.kind])} is not on")
    encrypted = " ".join(str(thing.data.get("bucket")) for thing in tree.of(SSE))
    for thing in tree.of("aws_s3_bucket"):
        if f"{thing.name}." not in encrypted and "server_side_encryption_configuration" not in thing.data:
            yield Fault(thing, "no key is named for it")
    for thing in tree.of("StorageClass"):
        if str(thing.at("parameters", "encrypted")).lower() != "true":
            yield Fault(thing, "parameters.encrypted is not true")


def sealed(tree: Tree) -> Iterator[Fault]:
    for thing in tree.of("Secret"):
        if not thing.group and (plain(thing.data.get("data")) or plain(thing.data.get("stringData"))):
            yield Fault(thing, "it is not sealed")


def rotation(tree: Tree) -> Iterator[Fault]:
    for thing in tree.of("CronJob"):
        words = [
            str(word)
            for c in containers_of(thing)
            for word in [*_list(c.get("command")), *_list(c.get("args"))]
        ]
        if any("rotate" in word for word in words) and OFTEN.fullmatch(str(thing.at("spec", "schedule"))):
            return
    yield from _missing(tree, "no CronJob rotates secrets at least daily")


def _backups(pattern: re.Pattern[str], what: str) -> Callable[[Tree], Iterator[Fault]]:
    def check(tree: Tree) -> Iterator[Fault]:
        if not any(pattern.fullmatch(schedule) for schedule in _schedules(tree)):
            yield from _missing(tree, f"no backup is taken {what}")

    return check


def _schedules(tree: Tree) -> Iterator[str]:
    for thing in tree.of("CronJob", "Schedule"):
        if "backup" in str(thing.at("metadata", "name")) or thing.group == "velero.io":
            yield str(thing.at("spec", "schedule"))
    for thing in tree.of("aws_backup_plan"):
        # Wherever it stands: rules may be made from a map.
        for match in _AWS.finditer(str(thing.data)):
            minute, hour, day, month, week = match.groups()
            # AWS wants a question mark for the one of the two days that is not given.
            yield f"{minute} {hour} {day.replace('?', '*')} {month} {week.replace('?', '*')}"


def regions(tree: Tree) -> Iterator[Fault]:
    providers = [thing for thing in tree.of("provider") if thing.name in {"provider.aws", "provider.google"}]
    named = {str(first(thing.data.get("region"))) for thing in providers if thing.data.get("region")}
    if providers and len(named) < load_pack()["GUARITA_PLATFORM_20"].numbers["least"]:
        yield Fault(providers[0], f"all of it stands in {', '.join(sorted(named)) or 'one region'}")


def _missing(tree: Tree, what: str) -> Iterator[Fault]:
    """A fault of the tree as a whole, shown at the first thing that would need it."""
    yield from (Fault(thing, what) for thing in tree.workloads[:1])


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


CHECKS: dict[str, Check] = {
    "GUARITA_PLATFORM_14": encryption,
    "GUARITA_PLATFORM_15": sealed,
    "GUARITA_PLATFORM_16": rotation,
    "GUARITA_PLATFORM_17": _backups(HOURLY, "every hour"),
    "GUARITA_PLATFORM_18": _backups(DAILY, "every day at 02:00"),
    "GUARITA_PLATFORM_19": _backups(WEEKLY, "every week"),
    "GUARITA_PLATFORM_20": regions,
}
