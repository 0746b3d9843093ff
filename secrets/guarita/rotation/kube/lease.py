"""The Lease by which runners keep out of each other's way. For liveness only: what keeps them from harm are fences."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any, Final

from guarita.rotation.kube.api import AmbiguousError, Api, ConflictError, ExistsError, Object, segment
from guarita.rotation.kube.names import MANAGED_BY, OURS

NAME: Final = "guarita-rotation"
_ROUNDS: Final = 3
_HOLDER: Final = 253


def path_of(namespace: str, name: str = "") -> str:
    """The path of the Leases of a namespace, or of one."""
    root = f"/apis/coordination.k8s.io/v1/namespaces/{segment(namespace)}/leases"
    return f"{root}/{segment(name)}" if name else root


def acquire(api: Api, namespace: str, holder: str, seconds: float) -> str | None:
    """Take or renew it: None, or who holds it.

    All times in it are by the API server's clock, so runners need not agree on theirs.
    """
    holder = holder[:_HOLDER]
    path = path_of(namespace, NAME)
    for _ in range(_ROUNDS):
        there = api.get(path)
        now = api.now()
        try:
            if there is None:
                api.create(path_of(namespace), _lease(namespace, _spec({}, holder, seconds, now)))
                return None
            spec = there.get("spec") or {}
            other = spec.get("holderIdentity")
            if other and other != holder and now < _until(spec):
                return str(other)
            # Whole, with the resourceVersion that was read: of two that take it over, one fails.
            api.replace(path, {**there, "spec": _spec(spec, holder, seconds, now)})
        except (ConflictError, ExistsError, AmbiguousError):
            continue
        else:
            return None
    there = api.get(path)
    other = ((there or {}).get("spec") or {}).get("holderIdentity")
    return None if other == holder else str(other or "another runner")


def release(api: Api, namespace: str, holder: str) -> None:
    """Give it back, if it is still this holder's."""
    path = path_of(namespace, NAME)
    there = api.get(path)
    spec = dict((there or {}).get("spec") or {})
    if there is None or spec.get("holderIdentity") != holder[:_HOLDER]:
        return
    del spec["holderIdentity"]
    try:
        api.replace(path, {**there, "spec": spec})
    except (ConflictError, AmbiguousError):
        return  # somebody has taken it over, or it ends by itself


def _lease(namespace: str, spec: Mapping[str, Any]) -> Object:
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": NAME, "namespace": namespace, "labels": {MANAGED_BY: OURS}},
        "spec": dict(spec),
    }


def _spec(before: Mapping[str, Any], holder: str, seconds: float, now: float) -> Mapping[str, Any]:
    stamp = dt.datetime.fromtimestamp(now, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    mine = before.get("holderIdentity") == holder
    return {
        "holderIdentity": holder,
        "leaseDurationSeconds": max(1, math.ceil(seconds)),
        "acquireTime": before.get("acquireTime", stamp) if mine else stamp,
        "renewTime": stamp,
        "leaseTransitions": int(before.get("leaseTransitions") or 0) + (0 if mine or not before else 1),
    }


def _until(spec: Mapping[str, Any]) -> float:
    try:
        renewed = dt.datetime.fromisoformat(str(spec.get("renewTime"))).timestamp()
    except ValueError:
        return 0.0
    return renewed + float(spec.get("leaseDurationSeconds") or 0)
