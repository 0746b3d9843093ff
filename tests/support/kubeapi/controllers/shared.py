"""What several controllers compute in the same way."""

import hashlib
import json

from kubeapi.api import ALPHABET, seconds_of, stamp


def digest(content, collisions=0):
    """A short name for a template, as pod-template-hash is."""
    raw = hashlib.sha256(json.dumps([content, collisions], sort_keys=True).encode()).digest()
    return "".join(ALPHABET[byte % len(ALPHABET)] for byte in raw[:10])


def owner_reference(content):
    return {
        "apiVersion": content["apiVersion"],
        "kind": content["kind"],
        "name": content["metadata"]["name"],
        "uid": content["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def pod_from(template, owner, *, labels=(), **metadata):
    meta = template.get("metadata") or {}
    return {
        "metadata": {
            **metadata,
            "labels": {**(meta.get("labels") or {}), **dict(labels)},
            "annotations": dict(meta.get("annotations") or {}),
            "ownerReferences": [owner_reference(owner)],
        },
        "spec": json.loads(json.dumps(template["spec"])),
    }


def terminating(pod):
    return bool(pod["metadata"].get("deletionTimestamp"))


def finished(pod):
    return pod["status"].get("phase") in {"Succeeded", "Failed"}


def active(pod):
    return not terminating(pod) and not finished(pod)


def ready_since(pod):
    """When the pod became ready, or None."""
    for condition in pod["status"].get("conditions") or []:
        if condition["type"] == "Ready" and condition["status"] == "True":
            return seconds_of(condition["lastTransitionTime"])
    return None


def available(pod, minimum, now):
    since = ready_since(pod)
    return since is not None and (not minimum or since + minimum <= now)


def resolve(value, total, *, up):
    """A number or a percentage of the replicas."""
    if isinstance(value, str) and value.endswith("%"):
        part = int(value[:-1]) * total
        return -(-part // 100) if up else part // 100
    return int(value)


def condition(status, kind):
    return next((found for found in status.get("conditions") or [] if found["type"] == kind), None)


def set_condition(status, new, now, *, fresh=False):
    """Replaces a condition unless status and reason are the same; `fresh` renews its update time all the same."""
    current = condition(status, new["type"])
    if current and not fresh and (current["status"], current["reason"]) == (new["status"], new["reason"]):
        return False
    same = current and current["status"] == new["status"]
    new = {
        **new,
        "lastUpdateTime": stamp(now),
        "lastTransitionTime": current["lastTransitionTime"] if same else stamp(now),
    }
    status["conditions"] = [c for c in status.get("conditions") or [] if c["type"] != new["type"]] + [new]
    return True


def drop_condition(status, kind):
    status["conditions"] = [c for c in status.get("conditions") or [] if c["type"] != kind]
