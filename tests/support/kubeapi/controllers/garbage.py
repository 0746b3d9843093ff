"""What goes when its owner or its namespace has gone."""

from kubeapi.errors import Refusal
from kubeapi.resources import NAMESPACES, PODS


def _dependents(controllers, uid, namespace):
    store = controllers.store
    for resource in list(controllers.api.resources.values()):
        if resource.creatable_only:
            continue
        for stored in store.all(resource.key, namespace if resource.namespaced else None):
            owners = stored.object["metadata"].get("ownerReferences") or []
            if any(owner["uid"] == uid for owner in owners):
                yield resource, stored


def collect(controllers, change):
    """After a deletion, or the begin of one that waits for its dependents."""
    content = change.new.object
    metadata = content["metadata"]
    finalizers = metadata.get("finalizers") or []
    api = controllers.api
    namespace = change.place[0] or None
    if change.kind != "DELETED" and not {"foregroundDeletion", "orphan"} & set(finalizers):
        if change.key == NAMESPACES.key:
            controllers.again(NAMESPACES.key, change.place)
        return
    resource = api.resources[change.key]
    found = list(_dependents(controllers, metadata["uid"], namespace))
    if "orphan" in finalizers:
        for below, stored in found:
            released = stored.copy()
            released["metadata"]["ownerReferences"] = [
                owner for owner in released["metadata"]["ownerReferences"] if owner["uid"] != metadata["uid"]
            ]
            api.update(below, namespace, released["metadata"]["name"], released)
        found = []
    for below, stored in found:
        if not stored.object["metadata"].get("deletionTimestamp"):
            policy = {"propagationPolicy": "Foreground"} if change.kind != "DELETED" else {}
            _try_delete(api, below, stored, policy)
    if change.kind != "DELETED" and not list(_dependents(controllers, metadata["uid"], namespace)):
        left = change.new.copy()
        left["metadata"]["finalizers"] = [f for f in finalizers if f not in {"foregroundDeletion", "orphan"}]
        left["metadata"].pop("resourceVersion")
        api.update(resource, namespace, metadata["name"], left)
    if change.kind == "DELETED":
        _tell_waiting_owners(controllers, change)


def _tell_waiting_owners(controllers, change):
    """An owner that waits in the foreground may be finished now."""
    api, store = controllers.api, controllers.store
    for owner in change.new.object["metadata"].get("ownerReferences") or []:
        for resource in list(api.resources.values()):
            if resource.kind != owner["kind"]:
                continue
            stored = store.get(resource.key, (change.place[0], owner["name"]))
            waits = stored and "foregroundDeletion" in (stored.object["metadata"].get("finalizers") or [])
            if waits and not list(_dependents(controllers, owner["uid"], change.place[0])):
                left = stored.copy()
                left["metadata"]["finalizers"].remove("foregroundDeletion")
                api.update(resource, change.place[0], owner["name"], left)


def _try_delete(api, resource, stored, options):
    metadata = stored.object["metadata"]
    try:
        api.delete(resource, metadata.get("namespace"), metadata["name"], options)
    except Refusal as refusal:
        if refusal.code != 404:
            raise


def reconcile_namespace(controllers, namespace):
    """Empties a namespace that is going, then lets it go."""
    metadata = namespace["metadata"]
    if not metadata.get("deletionTimestamp"):
        return
    api, left = controllers.api, 0
    for resource in list(api.resources.values()):
        if resource.creatable_only or not resource.namespaced:
            continue
        for stored in controllers.store.all(resource.key, metadata["name"]):
            _try_delete(api, resource, stored, {"gracePeriodSeconds": 0} if resource is PODS else {})
            left += (
                controllers.store.get(resource.key, (metadata["name"], stored.object["metadata"]["name"]))
                is not None
            )
    if left:
        controllers.again(NAMESPACES.key, ("", metadata["name"]), 0.1)
    else:
        controllers.store.drop(NAMESPACES.key, ("", metadata["name"]))
