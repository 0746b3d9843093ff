"""What the API has to allow for rotation to work: no more, and nothing in namespaces where it delivers nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Rule = dict[str, Any]


def delivery_rules(*, restart: bool = True) -> Sequence[Rule]:
    """The rules of a Role in a namespace that Secrets are delivered to."""
    rules = [
        # Versions are made, compared after a lost answer, found by their labels, and pruned; the plain one is refreshed.
        _rule("", ["secrets"], ["create", "get", "list", "patch", "delete"]),
        # Whatever may refer to a version is looked up before one is pruned.
        _rule("", ["serviceaccounts"], ["list"]),
        _rule("", ["pods"], ["list", "delete"]),
        _rule("apps", ["deployments", "statefulsets", "daemonsets", "replicasets"], ["list"]),
        _rule("apps", ["controllerrevisions"], ["get"]),
        _rule("batch", ["jobs", "cronjobs"], ["list"]),
        _rule("networking.k8s.io", ["ingresses"], ["list"]),
    ]
    if restart:
        rules += [
            # Templates are pointed at a version, and a canary is tried before.
            _rule("", ["pods"], ["create", "get"]),
            _rule("", ["serviceaccounts"], ["get", "patch"]),
            _rule("apps", ["deployments", "statefulsets", "daemonsets"], ["get", "patch"]),
            _rule("batch", ["cronjobs"], ["get", "patch"]),
            _rule("batch", ["jobs"], ["get"]),
            _rule("networking.k8s.io", ["ingresses"], ["get", "patch"]),
        ]
    return _merged(rules)


def lease_rules(name: str = "guarita-rotation") -> Sequence[Rule]:
    """The rules of a Role in the namespace of the Lease. A create cannot be limited to a name."""
    return [
        _rule("coordination.k8s.io", ["leases"], ["create"]),
        {**_rule("coordination.k8s.io", ["leases"], ["get", "update"]), "resourceNames": [name]},
    ]


def token_rules(account: str) -> Sequence[Rule]:
    """The rules of a Role in an account's namespace, for a runner that asks for its tokens by TokenRequest."""
    return [{**_rule("", ["serviceaccounts/token"], ["create"]), "resourceNames": [account]}]


def _rule(group: str, resources: list[str], verbs: list[str]) -> Rule:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


def _merged(rules: Sequence[Rule]) -> Sequence[Rule]:
    """One rule for each set of verbs in a group, so that a person can read it."""
    verbs: dict[tuple[str, str], list[str]] = {}
    for rule in rules:
        for resource in rule["resources"]:
            known = verbs.setdefault((rule["apiGroups"][0], resource), [])
            known += [verb for verb in rule["verbs"] if verb not in known]
    together: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (group, resource), allowed in verbs.items():
        together.setdefault((group, tuple(sorted(allowed))), []).append(resource)
    return [_rule(group, resources, list(allowed)) for (group, allowed), resources in together.items()]
