"""The immutable Secrets of a delivery: one for each rotation, made once, deleted when nothing refers to it."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from guarita.rotation.errors import DriftError, FencedOutError
from guarita.rotation.interface import Delivery, Fence
from guarita.rotation.kube.api import AmbiguousError, Api, ConflictError, ExistsError, Object
from guarita.rotation.kube.change import Operation, change, put, seen_token
from guarita.rotation.kube.names import (
    CANARY,
    DELIVERY,
    MANAGED_BY,
    OURS,
    PLAIN,
    ROTATION,
    delivery_label,
    fence_annotation,
    version_name,
)
from guarita.rotation.kube.snapshot import LISTED, Snapshot
from guarita.rotation.kube.workloads import (
    JOB,
    POD,
    PODLESS,
    REPLICASET,
    REVISION,
    SECRET,
    STATEFULSET,
    Versions,
    Workload,
    controller,
    finished,
)


def store(api: Api, delivery: Delivery, rotation: str, data: Mapping[str, str], fence: Fence) -> None:
    """Make the version of a rotation. The same again is no error; another one of its name is a DriftError."""
    name = version_name(delivery, rotation)
    path = SECRET.path(delivery.namespace, name)
    wanted = _secret(delivery, rotation, data, fence)
    fence.hold()
    try:
        api.create(SECRET.collection(delivery.namespace), wanted)
    except (ExistsError, AmbiguousError) as error:
        there = api.get(path)
        if there is None:
            raise error from None
        _compare(there, wanted, f"Secret {delivery.namespace}/{name}", fence, back=rotation != fence.rotation)


def _secret(delivery: Delivery, rotation: str, data: Mapping[str, str], fence: Fence) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": version_name(delivery, rotation),
            "namespace": delivery.namespace,
            "labels": {MANAGED_BY: OURS, DELIVERY: delivery_label(delivery)},
            "annotations": {
                PLAIN: delivery.name,
                ROTATION: rotation,
                fence_annotation(fence.secret): str(fence.token),
            },
        },
        "type": delivery.type,
        "immutable": True,
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
    }


def _compare(there: Object, wanted: Object, what: str, fence: Fence, *, back: bool) -> None:
    """On the way `back` a version stands as it was made, whatever guarita.yaml would make of it by now."""
    if seen_token(there, fence) > fence.token:
        raise FencedOutError(fence.secret, what)
    notes = there["metadata"].get("annotations") or {}
    same = back or hmac.compare_digest(_canonical(there), _canonical(wanted))
    if not same or notes.get(ROTATION) != wanted["metadata"]["annotations"][ROTATION]:
        raise DriftError(
            "kube.not-ours",
            f"{what}: is there already, with something else in it",
            hint="whoever made it has to rename or delete it",
        )
    if not there.get("immutable"):
        raise DriftError("kube.mutable", f"{what}: is not immutable", hint="delete it; it is made anew")


def _canonical(secret: Object) -> bytes:
    return json.dumps([secret.get("type"), secret.get("data") or {}], sort_keys=True).encode()


def prune(api: Api, delivery: Delivery, keep: Collection[str], fence: Fence) -> Sequence[str]:
    """Delete versions of ours that nothing refers to and that are not in `keep`; gives their names.

    The plain Secret gets what is in force, if that is one rotation.

    Canaries of other rotations go too. What is in use is looked up after what is there: a version that is newer than
    that list is never deleted.
    """
    before = Snapshot(api, delivery.namespace)
    there = before.versions_there(delivery)
    for rotation in set(keep) & set(there) if len(keep) == 1 else ():
        plain = before.secret(delivery.name)
        if plain is not None and (plain["metadata"].get("annotations") or {}).get(ROTATION) != rotation:
            refresh(api, delivery, rotation, fence)
    gone = _prune_canaries(api, delivery, keep, before, fence)
    idle = {rotation: secret for rotation, secret in there.items() if rotation not in keep}
    if not idle:
        return gone
    used = set(_used(api, Snapshot(api, delivery.namespace), Versions(delivery, frozenset(there))))
    for rotation, secret in sorted(idle.items()):
        if rotation in used:
            continue
        metadata = secret["metadata"]
        fence.hold()
        try:
            api.delete(
                SECRET.path(delivery.namespace, metadata["name"]),
                uid=metadata["uid"],
                version=metadata["resourceVersion"],
            )
        except ConflictError:
            continue  # another one of its name by now: the next run judges it
        gone.append(f"Secret {delivery.namespace}/{metadata['name']}")
    return gone


def refresh(api: Api, delivery: Delivery, rotation: str, fence: Fence) -> None:
    """Give the plain Secret the values of the version in force, once there is no way back to what it held.

    Nothing of ours refers to it then; a chart or a repository that puts the plain name back, or a new workload, starts
    with what works. One that is immutable, of another type, or kept by a controller is left alone.
    """
    path = SECRET.path(delivery.namespace, delivery.name)
    plain = api.get(path)
    version = api.get(SECRET.path(delivery.namespace, version_name(delivery, rotation)))
    if plain is None or version is None or plain.get("immutable") or controller(plain) is not None:
        return
    wanted = version.get("data") or {}

    def decide(there: Object) -> Sequence[Operation]:
        if there.get("type") != version.get("type") or there.get("data") == wanted:
            return []
        return [put(("data",), wanted), put(("metadata", "annotations", ROTATION), rotation)]

    if decide(plain):
        change(api, path, f"Secret {delivery.namespace}/{delivery.name}", fence, decide)


def is_canary(pod: Workload) -> bool:
    """Whether a pod is one that was made to be tried before a fleet."""
    return CANARY in (pod.object["metadata"].get("labels") or {})


def _prune_canaries(
    api: Api, delivery: Delivery, keep: Collection[str], snapshot: Snapshot, fence: Fence
) -> list[str]:
    gone = []
    for pod in snapshot.all(POD):
        metadata = pod.object["metadata"]
        notes = pod.annotations
        if not is_canary(pod) or notes.get(PLAIN) != delivery.name or notes.get(ROTATION) in keep:
            continue
        if metadata.get("deletionTimestamp"):
            continue
        fence.hold()
        api.delete(pod.path, uid=metadata["uid"])
        gone.append(str(pod))
    return gone


def _used(api: Api, snapshot: Snapshot, versions: Versions) -> Iterator[str]:
    """The rotations that something still refers to, or may bring back by itself.

    A ReplicaSet without pods is history that only a person's `rollout undo` would bring back, with a credential that
    is gone: it keeps no version.
    """
    for kind in LISTED:
        for workload in snapshot.all(kind):
            if kind is REPLICASET and not _has_pods(workload):
                continue
            if kind in {POD, JOB} and finished(workload.object):
                continue
            yield from _rotations(versions, workload.template)
            if kind is STATEFULSET:
                yield from _current_revision(api, versions, workload)
    for podless in PODLESS:
        for one in snapshot.all(podless):
            yield from (rotation for _, rotation in versions.of_object(one) if rotation)


def _rotations(versions: Versions, template: Mapping[str, Any]) -> Iterator[str]:
    found = versions.of_template(template)
    yield from (rotation for _, rotation in found.references if rotation)
    if found.annotated:
        yield found.annotated


def _has_pods(replicaset: Workload) -> bool:
    return bool(replicaset.spec.get("replicas") or replicaset.status.get("replicas"))


def _current_revision(api: Api, versions: Versions, workload: Workload) -> Iterator[str]:
    """While a StatefulSet is updated, pods that it has not reached are made anew from the revision before."""
    current = workload.status.get("currentRevision")
    if not current or current == workload.status.get("updateRevision"):
        return
    revision = api.get(REVISION.path(workload.namespace, current))
    if revision is not None:
        yield from _rotations(
            versions, ((revision.get("data") or {}).get("spec") or {}).get("template") or {}
        )
