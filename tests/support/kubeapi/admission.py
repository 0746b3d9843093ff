"""What stands between validation and the store: quotas, the service account of a pod, the token volume."""

import re
from fractions import Fraction

from .errors import forbidden
from .resources import ACCOUNTS, PODS, QUOTAS

SUFFIXES = {
    "": 1,
    "m": Fraction(1, 1000),
    "k": 1000,
    "M": 1000**2,
    "G": 1000**3,
    "Ki": 1024,
    "Mi": 1024**2,
    "Gi": 1024**3,
}


def quantity(text):
    number, suffix = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", str(text)).groups()
    return Fraction(number) * SUFFIXES[suffix]


def _requests(pod, what, kind):
    return [
        (container.get("resources") or {}).get(kind, {}).get(what)
        for container in pod["spec"].get("containers") or []
    ]


def usage(resource, content):
    """What an object takes of a quota: the quota's own names to amounts; None where the object does not say."""
    group = f".{resource.group}" if resource.group else ""
    found = {f"count/{resource.plural}{group}": 1}
    if not resource.group:
        found[resource.plural] = 1
    if resource is PODS:
        for what in ("cpu", "memory"):
            for kind in ("requests", "limits"):
                asked = _requests(content, what, kind)
                amount = None if None in asked else sum(map(quantity, asked))
                found[f"{kind}.{what}"] = amount
                if kind == "requests":
                    found[what] = amount
    return found


def counts(resource, content):
    """A finished pod takes nothing."""
    return resource is not PODS or (content.get("status") or {}).get("phase") not in {"Succeeded", "Failed"}


def text(amount):
    return str(
        amount if isinstance(amount, int) else int(amount) if amount.denominator == 1 else float(amount)
    )


def used(store, namespace, names, resources):
    """What is taken of these names of a quota in a namespace."""
    found = dict.fromkeys(names, 0)
    for resource in list(resources.values()):
        if resource.namespaced and not resource.creatable_only:
            for stored in store.all(resource.key, namespace):
                if counts(resource, stored.object):
                    for name, amount in usage(resource, stored.object).items():
                        if name in found:
                            found[name] += amount or 0
    return found


def check_quota(store, resource, content, every_resource):
    """Refuses, as the quota controller does, what would be too much in its namespace."""
    namespace = content["metadata"].get("namespace")
    asked = usage(resource, content)
    for stored in store.all(QUOTAS.key, namespace):
        quota = stored.object
        hard = (quota.get("spec") or {}).get("hard") or {}
        concerned = {name: quantity(limit) for name, limit in hard.items() if name in asked}
        missing = [name for name in concerned if asked[name] is None]
        name = quota["metadata"]["name"]
        if missing:
            raise forbidden(
                resource,
                content["metadata"]["name"],
                f"failed quota: {name}: must specify {', '.join(sorted(missing))}",
            )
        used = dict.fromkeys(concerned, 0)
        for there in store.all(resource.key, namespace):
            if counts(resource, there.object):
                for what, amount in usage(resource, there.object).items():
                    if what in used:
                        used[what] += amount or 0
        over = [what for what in sorted(concerned) if used[what] + asked[what] > concerned[what]]
        if over:
            raise forbidden(
                resource,
                content["metadata"]["name"],
                f"exceeded quota: {name}, "
                f"requested: {','.join(f'{what}={text(asked[what])}' for what in over)}, "
                f"used: {','.join(f'{what}={text(used[what])}' for what in over)}, "
                f"limited: {','.join(f'{what}={hard[what]}' for what in over)}",
            )


def admit_pod(store, pod):
    """The ServiceAccount plugin: the account must be there, and its token is mounted unless somebody says no."""
    namespace, spec = pod["metadata"]["namespace"], pod["spec"]
    name = spec["serviceAccountName"]
    account = store.get(ACCOUNTS.key, (namespace, name))
    if account is None:
        raise forbidden(
            PODS,
            pod["metadata"]["name"],
            f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found',
        )
    spec["serviceAccount"] = name
    if not spec.get("imagePullSecrets") and account.object.get("imagePullSecrets"):
        spec["imagePullSecrets"] = account.object["imagePullSecrets"]
    wanted = spec.get("automountServiceAccountToken")
    if wanted is None:
        wanted = account.object.get("automountServiceAccountToken", True)
    path = "/var/run/secrets/kubernetes.io/serviceaccount"
    if not wanted:
        return
    volume = f"kube-api-access-{pod['metadata']['uid'][:5]}"
    needed = False
    for container in [*spec.get("containers", []), *(spec.get("initContainers") or [])]:
        mounts = container.setdefault("volumeMounts", [])
        if all(mount["mountPath"] != path for mount in mounts):
            mounts.append({"name": volume, "readOnly": True, "mountPath": path})
            needed = True
    if needed:
        spec.setdefault("volumes", []).append(
            {
                "name": volume,
                "projected": {
                    "defaultMode": 420,
                    "sources": [
                        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                        {
                            "configMap": {
                                "name": "kube-root-ca.crt",
                                "items": [{"key": "ca.crt", "path": "ca.crt"}],
                            }
                        },
                    ],
                },
            }
        )
