"""What a runner may do in Kubernetes: a Role in each namespace that it works in, bound to its account."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from guarita.config.rotation import KubernetesLogin, RotationSection
from guarita.config.rotation_jwt import JwtSecret
from guarita.rotation.kube.rbac import Rule, delivery_rules, lease_rules, token_rules

NAME: Final = "guarita-rotation"
_GROUP: Final = "rbac.authorization.k8s.io"


def manifests(section: RotationSection, cluster: str, account: str) -> list[dict[str, Any]]:
    """Roles and RoleBindings of one cluster, for the ServiceAccount `NAMESPACE/NAME`."""
    rules: dict[str, list[Rule]] = {}
    for namespace, rule in _rules(section, cluster):
        known = rules.setdefault(namespace, [])
        if rule not in known:
            known.append(rule)
    return [
        document
        for namespace, found in sorted(rules.items())
        for document in _documents(namespace, found, account)
    ]


def _rules(section: RotationSection, cluster: str) -> Iterator[tuple[str, Rule]]:
    settings = section.clusters[cluster]
    only = next(iter(section.clusters)) if len(section.clusters) == 1 else None
    restarts: dict[str, bool] = {}
    for secret in section.secrets.values():
        for delivery in secret.deliver:
            if (delivery.cluster or only) == cluster:
                namespace = delivery.namespace or settings.namespace
                restarts[namespace] = restarts.get(namespace, False) or delivery.restart
        if isinstance(secret, JwtSecret):
            for place in secret.key_sets:
                if place.config_map is not None and place.cluster == cluster:
                    namespace, _, rest = place.config_map.partition("/")
                    yield from ((namespace, rule) for rule in _config_map(rest.partition("#")[0]))
    for namespace, restart in restarts.items():
        yield from ((namespace, rule) for rule in delivery_rules(restart=restart))
    if restarts:
        yield from ((settings.namespace, rule) for rule in lease_rules())
    login = section.vault.login
    if isinstance(login, KubernetesLogin) and login.service_account and (login.cluster or only) == cluster:
        namespace, _, name = login.service_account.partition("/")
        yield from ((namespace, rule) for rule in token_rules(name))


def _config_map(name: str) -> Sequence[Rule]:
    """A create cannot be limited to a name."""
    rule = {"apiGroups": [""], "resources": ["configmaps"]}
    return [
        {**rule, "verbs": ["create"]},
        {**rule, "verbs": ["get", "update"], "resourceNames": [name]},
    ]


def _documents(namespace: str, rules: list[Rule], account: str) -> Iterator[dict[str, Any]]:
    where, _, name = account.partition("/")
    metadata = {"name": NAME, "namespace": namespace}
    yield {"apiVersion": f"{_GROUP}/v1", "kind": "Role", "metadata": metadata, "rules": rules}
    yield {
        "apiVersion": f"{_GROUP}/v1",
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": _GROUP, "kind": "Role", "name": NAME},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": where}],
    }
