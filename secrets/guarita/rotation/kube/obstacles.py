"""What will keep a workload from taking a new version, or from proving it; said before anything is begun."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from guarita.rotation.interface import Problem
from guarita.rotation.kube.references import through_csi
from guarita.rotation.kube.workloads import (
    CRONJOB,
    DAEMONSET,
    DEPLOYMENT,
    JOB,
    PODLESS,
    ROLLING,
    STATEFULSET,
    Workload,
    condition,
    controller,
)

EXCEEDED: Final = "ProgressDeadlineExceeded"
_ENDLESS: Final = 2**31 - 1
_LONG: Final = 120
_CLAUSES: Final[Mapping[str, str]] = {
    "argocd.argoproj.io/instance": "Argo CD",
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
}


def obstacle(workload: Workload) -> Problem | None:
    """Why this workload will not converge on a new template, if it will not."""
    return next((problem for problem in problems(workload) if problem.hinders), None)


def problems(workload: Workload) -> Iterator[Problem]:
    """Everything that is to be known of a workload before its template is changed."""
    yield from _owned(workload)
    yield from _strategy(workload)
    if workload.kind in ROLLING:
        yield from _proof(workload)
    yield from _managed(workload)
    for name in through_csi(workload.template.get("spec") or {}):
        yield Problem(
            code="kube.csi",
            message=f"{workload}: also takes secrets by the CSI driver (SecretProviderClass {name})",
            hint="those are its own affair: it is restarted only for what is delivered as a Secret",
            hinders=False,
        )


def _owned(workload: Workload) -> Iterator[Problem]:
    owner = controller(workload.object)
    if owner is not None and workload.kind in {*ROLLING, CRONJOB}:
        yield Problem(
            code="kube.owned",
            message=f"{workload}: belongs to {owner.get('kind')} {owner.get('name')}, whose operator puts its template back",
            hint=f"name the Secret there, or deliver with `restart: false` and let the {owner.get('kind')} follow",
        )


def _strategy(workload: Workload) -> Iterator[Problem]:
    spec, kind = workload.spec, workload.kind
    update = spec.get("updateStrategy") or {}
    if kind is DEPLOYMENT and spec.get("paused"):
        yield Problem(
            code="kube.paused",
            message=f"{workload}: is paused, so a new template starts no rollout",
            hint=f"kubectl -n {workload.namespace} rollout resume deployment/{workload.name}",
        )
    if kind is DEPLOYMENT and condition(workload.object, "Progressing").get("reason") == EXCEEDED:
        yield Problem(
            code="kube.stuck",
            message=f"{workload}: its last rollout did not finish ({EXCEEDED})",
            hint="mend it first: nothing could be proven by a further one",
        )
    if kind in {STATEFULSET, DAEMONSET} and update.get("type") == "OnDelete":
        yield Problem(
            code="kube.on-delete",
            message=f"{workload}: has the update strategy OnDelete, so its pods stay as they are until somebody deletes them",
            hint="set updateStrategy.type to RollingUpdate",
        )
    partition = (update.get("rollingUpdate") or {}).get("partition") or 0
    if kind is STATEFULSET and update.get("type") != "OnDelete" and partition > 0:
        yield Problem(
            code="kube.partition",
            message=f"{workload}: has partition {partition}, so pods below ordinal {partition} keep the old template",
            hint="set updateStrategy.rollingUpdate.partition to 0",
        )
    if kind is CRONJOB and spec.get("suspend"):
        yield Problem(
            code="kube.suspended",
            message=f"{workload}: is suspended, so nothing proves that it works",
            hinders=False,
        )
    if kind is JOB:
        yield Problem(
            code="kube.job",
            message=f"{workload}: the template of a Job cannot be changed; it is waited for until it has ended",
            hint="delete it if it may be repeated",
            hinders=False,
        )
    elif kind not in {*ROLLING, *PODLESS, CRONJOB}:
        yield Problem(
            code="kube.unmanaged",
            message=f"{workload}: nobody restarts its pods when a template changes",
            hint="let a Deployment run it, or delete its pods by hand while the rotation waits for them",
        )


def _proof(workload: Workload) -> Iterator[Problem]:
    spec = workload.spec
    containers = (workload.template.get("spec") or {}).get("containers") or ()
    if workload.kind is not DAEMONSET and spec.get("replicas") == 0:
        yield Problem(
            code="kube.no-pods",
            message=f"{workload}: has no replicas, so nothing proves that it works",
            hint="an autoscaler that brings it back takes the new template",
            hinders=False,
        )
    if containers and not any(container.get("readinessProbe") for container in containers):
        yield Problem(
            code="kube.no-readiness",
            message=f"{workload}: has no readiness probe, so pods count as available whether or not they can log in",
            hint="let a readiness probe use what the Secret is for",
            hinders=False,
        )
    if (why := _away(workload)) is not None:
        yield Problem(
            code="kube.away",
            message=f"{workload}: is away while it restarts ({why})",
            hint="let a new pod start before the old one ends, or keep its rotation to a maintenance window",
            hinders=False,
        )
    if workload.kind is DEPLOYMENT and spec.get("progressDeadlineSeconds") in {None, _ENDLESS}:
        yield Problem(
            code="kube.no-deadline",
            message=f"{workload}: has no progressDeadlineSeconds, so a rollout that hangs is only noticed when patience ends",
            hinders=False,
        )
    slow = (spec.get("minReadySeconds") or 0) * (spec.get("replicas") or 1)
    if slow > _LONG:
        yield Problem(
            code="kube.slow",
            message=f"{workload}: takes up to {slow} seconds to restart (minReadySeconds of one pod after another)",
            hint="`rotation.patience_seconds` has to cover it",
            hinders=False,
        )


def _away(workload: Workload) -> str | None:
    """Why nobody serves for a moment in the middle of a rollout, if nobody does."""
    spec = workload.spec
    strategy = spec.get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return "strategy Recreate"
    if workload.kind is DAEMONSET or spec.get("replicas", 1) != 1:
        return None
    if workload.kind is STATEFULSET:
        return "a StatefulSet of one replica"
    surge = (strategy.get("rollingUpdate") or {}).get("maxSurge", "25%")
    return "one replica, and maxSurge 0" if surge in {0, "0", "0%"} else None


def _managed(workload: Workload) -> Iterator[Problem]:
    """Who else writes this object, by the marks that they leave."""
    metadata = workload.object["metadata"]
    marks: dict[str, Any] = {**(metadata.get("labels") or {}), **(metadata.get("annotations") or {})}
    who = next((name for mark, name in _CLAUSES.items() if mark in marks), None)
    if who == "Flux" and marks.get("kustomize.toolkit.fluxcd.io/reconcile") != "disabled":
        yield Problem(
            code="kube.gitops",
            message=f"{workload}: is applied by Flux, which puts the Secret's name back at its next reconciliation",
            hint="leave the name out of Git (`kustomize.toolkit.fluxcd.io/ssa: Merge`), or deliver with `restart: false`",
            hinders=False,
        )
    elif who == "Argo CD":
        yield Problem(
            code="kube.gitops",
            message=f"{workload}: is applied by Argo CD, which puts the Secret's name back where selfHeal is on",
            hint="name the field under `ignoreDifferences`, with RespectIgnoreDifferences=true",
            hinders=False,
        )
    elif who is None and marks.get("app.kubernetes.io/managed-by") == "Helm":
        release = marks.get("meta.helm.sh/release-name", "?")
        yield Problem(
            code="kube.helm",
            message=f"{workload}: is of the Helm release {release}; an upgrade puts the Secret's name back, and restarts it",
            hint="the plain Secret holds the value in force too; in the middle of a rotation it is drift, and rolled back",
            hinders=False,
        )
