"""Whether this account may do what a rotation needs, asked before anything is begun: half a rotation helps nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from guarita.rotation.errors import PermanentError, TransientError
from guarita.rotation.interface import Problem
from guarita.rotation.kube.api import Api
from guarita.rotation.kube.rbac import delivery_rules

_REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"

Granted = Sequence[Mapping[str, Any]]


def granted(api: Api, namespace: str) -> Granted | None:
    """The rules that hold for this account in a namespace; None where the server cannot list them all.

    Every account may ask this about itself, unless somebody has taken that away.
    """
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    try:
        status = api.create(_REVIEWS, review).get("status") or {}
    except (TransientError, PermanentError):
        return None  # what may not be asked is found out when it is done
    return None if status.get("incomplete") else list(status.get("resourceRules") or ())


def lacking(namespace: str, rules: Granted, *, restart: bool) -> Iterator[Problem]:
    """A problem that names every right that is missing, if any is."""
    missing: dict[str, list[str]] = {}
    for rule in delivery_rules(restart=restart):
        (group,) = rule["apiGroups"]
        for resource in rule["resources"]:
            for verb in rule["verbs"]:
                if not any(_gives(one, group, resource, verb) for one in rules):
                    missing.setdefault(verb, []).append(resource)
    if missing:
        what = "; ".join(f"{verb} {', '.join(resources)}" for verb, resources in sorted(missing.items()))
        yield Problem(
            code="kube.rights",
            message=f"namespace {namespace}: this account may not {what}",
            hint="`guarita rotate rbac` prints the Role that the configuration needs",
        )


def _gives(rule: Mapping[str, Any], group: str, resource: str, verb: str) -> bool:
    if rule.get("resourceNames"):
        return False
    wanted = (("apiGroups", group), ("resources", resource), ("verbs", verb))
    return all({"*", value} & set(rule.get(field) or ()) for field, value in wanted)
