"""ResourceQuotas: what is used of them, in their status."""

from kubeapi import admission
from kubeapi.resources import QUOTAS


def reconcile(controllers, quota):
    hard = (quota.get("spec") or {}).get("hard") or {}
    used = admission.used(
        controllers.store, quota["metadata"]["namespace"], set(hard), controllers.api.resources
    )
    status = {"hard": hard, "used": {name: admission.text(used.get(name, 0)) for name in hard}}
    controllers.set_status(QUOTAS, quota, status)
