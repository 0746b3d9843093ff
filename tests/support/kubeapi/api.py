"""The verbs on objects: create, update, patch, delete, list and watch, with the checks that stand before the store."""

import base64
import copy
import datetime as dt
import json
import secrets
import threading
import time
import uuid

from . import admission, kinds, patches
from .errors import (
    MODIFIED,
    Refusal,
    already_exists,
    bad_request,
    conflict,
    expired,
    forbidden,
    invalid,
    not_found,
)
from .names import field_matcher, label_matcher, selects
from .resources import ACCOUNTS, BUDGETS, BY_KEY, CRDS, NAMESPACES, PODS, Resource

ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def random_suffix(length=5):
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def stamp(seconds):
    return dt.datetime.fromtimestamp(int(seconds), dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_of(text):
    return dt.datetime.fromisoformat(text).timestamp()


def controller_of(content):
    return next(
        (owner for owner in content["metadata"].get("ownerReferences") or [] if owner.get("controller")), None
    )


class Api:
    """All of the server but HTTP and who may do what."""

    def __init__(self, store, clock=time.time):
        self.store, self.clock = store, clock
        self.resources = dict(BY_KEY)
        self.pages, self._pages_lock = {}, threading.Lock()

    # Reading

    def get(self, resource, namespace, name):
        found = self.store.get(resource.key, (namespace or "", name))
        if found is None:
            raise not_found(resource, name)
        return found

    def select(self, resource, label=None, field=None):
        labels, fields = label_matcher(label), field_matcher(resource, field)
        return lambda found: labels(found["metadata"].get("labels") or {}) and fields(found)

    def list(self, resource, namespace, query):
        """Gives the revision, the objects, and the continue token with how many remain."""
        matches = self.select(resource, query.get("labelSelector"), query.get("fieldSelector"))
        token, limit = query.get("continue"), int(query.get("limit") or 0)
        asked, how = query.get("resourceVersion"), query.get("resourceVersionMatch")
        if how and (not asked or token):
            raise bad_request("resourceVersionMatch is forbidden unless resourceVersion is provided")
        if token:
            revision, items, start = self._page(token)
        else:
            with self.store.lock:
                revision = self.store.revision
                items, start = self.store.all(resource.key, namespace), 0
            if asked and asked != "0":
                if not asked.isdecimal():
                    raise invalid(resource, "", ("resourceVersion", f'Invalid value: "{asked}"'))
                self._reachable(int(asked))
                if how == "Exact" and int(asked) < revision:
                    revision, items = int(asked), self._at(resource, namespace, int(asked))
            items = [stored for stored in items if matches(stored.object)]
        if not limit or len(items) - start <= limit:
            return revision, items[start:], None, None
        with self._pages_lock:
            handle = secrets.token_hex(8)
            self.pages[handle] = (revision, items)
            while len(self.pages) > 200:
                self.pages.pop(next(iter(self.pages)))
        more = base64.urlsafe_b64encode(json.dumps([handle, start + limit, revision]).encode()).decode()
        return revision, items[start : start + limit], more, len(items) - start - limit

    def _page(self, token):
        try:
            handle, start, revision = json.loads(base64.urlsafe_b64decode(token))
        except ValueError:
            raise bad_request(f"continue key is not valid: {token}") from None
        with self._pages_lock:
            kept = self.pages.get(handle)
        if kept is None or revision < self.store.compacted:
            raise expired(
                "The provided continue parameter is too old to display a consistent list result. You can start a new "
                "list without the continue parameter, or use the continue token in this response to retrieve the "
                "remainder of the results. Continuing with the provided token results in an inconsistent list"
            )
        return kept[0], kept[1], start

    def _reachable(self, revision):
        if revision > self.store.revision:
            self.store.wait(revision - 1, 3)
        if revision > self.store.revision:
            raise Refusal(
                504, "Timeout", f"Too large resource version: {revision}, current: {self.store.revision}",
                details={"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}], "retryAfterSeconds": 1},
                headers={"Retry-After": "1"},
            )  # fmt: skip

    def _at(self, resource, namespace, revision):
        """The list as it stood at a revision, by undoing what came after."""
        if revision < self.store.compacted:
            raise expired(f"The resourceVersion for the provided list is too old: {revision}")
        with self.store.lock:
            state = dict(self.store.objects[resource.key])
            for change in reversed(self.store.since(revision)):
                if change.key == resource.key:
                    if change.old is None:
                        state.pop(change.place, None)
                    else:
                        state[change.place] = change.old
        return [
            stored for place, stored in sorted(state.items()) if namespace is None or place[0] == namespace
        ]

    def watch_from(self, query):
        """The revision that a watch starts after; None for a synthetic start with all that there is."""
        asked = query.get("resourceVersion")
        if not asked or asked == "0":
            return None
        if not asked.isdecimal():
            raise bad_request(
                f'Invalid value: "{asked}": strconv.ParseUint: parsing "{asked}": invalid syntax'
            )
        if int(asked) > self.store.revision:
            self._reachable(int(asked))
        return int(asked)

    # Writing

    def create(self, resource, namespace, content, *, dry_run=False):
        content = copy.deepcopy(content)
        metadata = content.setdefault("metadata", {})
        if not isinstance(metadata, dict):
            raise bad_request("metadata must be an object")
        if resource.kind != content.get("kind", resource.kind):
            raise bad_request(
                f'no kind "{content.get("kind")}" is registered for version "{resource.api_version}" here'
            )
        if metadata.get("resourceVersion"):
            raise bad_request("resourceVersion should not be set on objects to be created")
        if resource.namespaced and metadata.get("namespace") not in {None, "", namespace}:
            raise bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + random_suffix()
        if not metadata.get("name"):
            raise invalid(resource, "", ("metadata.name", "Required value: name or generateName is required"))
        for name in (
            "uid",
            "creationTimestamp",
            "generation",
            "deletionTimestamp",
            "selfLink",
            "managedFields",
        ):
            metadata.pop(name, None)
        content["apiVersion"], content["kind"] = resource.api_version, resource.kind
        if resource.namespaced:
            metadata["namespace"] = namespace
        metadata["uid"], metadata["creationTimestamp"] = str(uuid.uuid4()), stamp(self.clock())
        if resource.key in kinds.GENERATED or resource.custom:
            metadata["generation"] = 1
        if "status" in resource.subresources and resource.key != ("", "nodes"):
            content.pop("status", None)
        kinds.defaults(resource, content)
        place = (metadata.get("namespace", ""), metadata["name"])
        with self.store.lock:
            if resource.namespaced:
                self._check_namespace(resource, place)
            if resource is PODS:
                admission.admit_pod(self.store, content)
                content["status"] = {"phase": "Pending", "qosClass": "BestEffort"}
            if resource is NAMESPACES:
                content.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
                content["status"] = {"phase": "Active"}
            kinds.validate(resource, content)
            if self.store.get(resource.key, place):
                raise already_exists(resource, metadata["name"])
            if resource.namespaced:
                admission.check_quota(self.store, resource, content, self.resources)
            if dry_run:
                return content
            stored = self.store.put(resource.key, place, content)
            self._created(resource, stored)
            return stored.object

    def _check_namespace(self, resource, place):
        namespace = self.store.get(NAMESPACES.key, ("", place[0]))
        if namespace is None:
            raise not_found(NAMESPACES, place[0])
        if namespace.object["metadata"].get("deletionTimestamp"):
            refusal = forbidden(
                resource,
                place[1],
                f"unable to create new content in namespace {place[0]} because it is being terminated",
            )
            refusal.details["causes"] = [
                {"reason": "NamespaceTerminating", "message": "…", "field": "metadata.namespace"}
            ]
            raise refusal

    def _created(self, resource, stored):
        if resource is NAMESPACES:
            name = stored.object["metadata"]["name"]
            self.create(ACCOUNTS, name, {"metadata": {"name": "default"}})
            self.create(
                BY_KEY["", "configmaps"],
                name,
                {"metadata": {"name": "kube-root-ca.crt"}, "data": {"ca.crt": ""}},
            )
        if resource is CRDS:
            self.learn(stored.object)

    def learn(self, definition):
        """A custom resource is served from now on."""
        spec = definition["spec"]
        for version in spec["versions"]:
            if version.get("storage", True):
                subresources = tuple(version.get("subresources") or ())
                resource = Resource(
                    spec["group"], version["name"], spec["names"]["plural"], spec["names"]["kind"],
                    namespaced=spec["scope"] == "Namespaced", subresources=subresources, unconditional=False, custom=True,
                )  # fmt: skip
                self.resources[resource.key] = resource

    def update(self, resource, namespace, name, content, *, subresource=None, dry_run=False):
        content = copy.deepcopy(content)
        metadata = content.get("metadata")
        if not isinstance(metadata, dict) or metadata.get("name") not in {name, None, ""}:
            raise bad_request("the name of the object does not match the name on the URL")
        with self.store.lock:
            return self._update(resource, (namespace or "", name), content, subresource, dry_run)

    def _update(self, resource, place, content, subresource, dry_run, *, patched=False):
        stored = self.get(resource, *place)
        old, metadata = stored.object, content["metadata"]
        metadata["name"] = place[1]
        if metadata.get("uid") not in {None, "", old["metadata"]["uid"]}:
            raise conflict(
                resource,
                place[1],
                f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta: {old['metadata']['uid']}",
            )
        given = metadata.get("resourceVersion")
        if not given and not resource.unconditional and not patched:
            raise invalid(
                resource,
                place[1],
                ("metadata.resourceVersion", "Invalid value: 0: must be specified for an update"),
            )
        if given not in {None, ""} and given != old["metadata"]["resourceVersion"]:
            if not given.isdecimal():
                raise invalid(
                    resource,
                    place[1],
                    ("metadata.resourceVersion", f'Invalid value: "{given}": strconv.ParseUint'),
                )
            raise conflict(resource, place[1], MODIFIED)
        content["apiVersion"], content["kind"] = resource.api_version, resource.kind
        for field in (
            "uid",
            "creationTimestamp",
            "namespace",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "generation",
            "resourceVersion",
        ):
            if field in old["metadata"]:
                metadata[field] = old["metadata"][field]
            else:
                metadata.pop(field, None)
        metadata.pop("managedFields", None)
        if subresource == "status":
            content = {
                **old,
                "metadata": {**old["metadata"], **_status_metadata(resource, metadata)},
                "status": content.get("status"),
            }
            if content["status"] is None:
                del content["status"]
        else:
            if "status" in resource.subresources:
                content.pop("status", None)
                if "status" in old:
                    content["status"] = old["status"]
            kinds.defaults(resource, content)
            kinds.validate(resource, content)
            kinds.validate_update(resource, old, content)
            if "generation" in metadata:
                metadata["generation"] = kinds.generation(resource, old, content)
        for field in ("labels", "annotations", "finalizers", "ownerReferences"):
            if content["metadata"].get(field) in ({}, [], None):
                content["metadata"].pop(field, None)
        if content == old:
            return old
        if dry_run:
            return content
        new = self.store.put(resource.key, place, content).object
        if (
            new["metadata"].get("deletionTimestamp")
            and not new["metadata"].get("finalizers")
            and not self._lives(resource, new)
        ):
            self._remove(resource, place)
        return new

    @staticmethod
    def _lives(resource, content):
        return resource is PODS and content["metadata"].get("deletionGracePeriodSeconds")

    def patch(self, resource, namespace, name, kind, patch, *, subresource=None, dry_run=False):
        """kind is the content type without its parameters."""
        with self.store.lock:
            stored = self.get(resource, namespace or "", name)
            patched = self.apply_patch(resource, stored.copy(), kind, patch)
            return self._update(
                resource, (namespace or "", name), patched, subresource, dry_run, patched=True
            )

    @staticmethod
    def apply_patch(resource, content, kind, patch):
        if kind == "application/json-patch+json":
            content = patches.json_patch(content, patch)
        elif kind == "application/merge-patch+json":
            content = patches.merge_patch(content, patch)
        elif kind == "application/strategic-merge-patch+json" and not resource.custom:
            content = patches.strategic_merge(content, patch, resource.merge)
        else:
            accepted = "application/json-patch+json, application/merge-patch+json"
            raise Refusal(
                415, "UnsupportedMediaType",
                f"the body of the request was in an unknown format - accepted media types include: {accepted}",
            )  # fmt: skip
        if not isinstance(content, dict) or not isinstance(content.get("metadata"), dict):
            raise bad_request("the patch leaves no object")
        return content

    def delete(self, resource, namespace, name, options=None, *, dry_run=False):
        """Gives the object while it is on its way out, or None when it is gone."""
        options = options or {}
        place = (namespace or "", name)
        with self.store.lock:
            stored = self.get(resource, *place)
            metadata = stored.object["metadata"]
            wanted = options.get("preconditions") or {}
            for field, word in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
                if wanted.get(field) not in {None, metadata[field]}:
                    raise conflict(
                        resource, name,
                        f"Precondition failed: {word} in precondition: {wanted[field]}, {word} in object meta: {metadata[field]}",
                    )  # fmt: skip
            if dry_run:
                return stored.object
            grace = 0
            if resource is PODS:
                grace = self._grace(stored.object, options)
            finalizers = list(metadata.get("finalizers") or [])
            policy = options.get("propagationPolicy")
            if policy in {"Foreground", "Orphan"}:
                word = "foregroundDeletion" if policy == "Foreground" else "orphan"
                finalizers = [*dict.fromkeys([*finalizers, word])]
            if resource is NAMESPACES or finalizers or grace:
                return self._begin_deletion(resource, place, stored, finalizers, grace)
            self._remove(resource, place)
            return None

    @staticmethod
    def _grace(pod, options):
        if pod["status"].get("phase") in {"Succeeded", "Failed"} or not pod["spec"].get("nodeName"):
            return 0
        asked = options.get("gracePeriodSeconds")
        return pod["spec"].get("terminationGracePeriodSeconds", 30) if asked is None else max(asked, 0)

    def _begin_deletion(self, resource, place, stored, finalizers, grace):
        content = stored.copy()
        metadata = content["metadata"]
        before = metadata.get("deletionGracePeriodSeconds")
        if "deletionTimestamp" in metadata and (before is None or grace >= before):
            return stored.object
        metadata["deletionTimestamp"] = stamp(self.clock() + grace)
        metadata["deletionGracePeriodSeconds"] = grace
        if "generation" in metadata:
            metadata["generation"] += 1
        if finalizers:
            metadata["finalizers"] = finalizers
        if resource is NAMESPACES:
            content["status"] = {"phase": "Terminating"}
        return self.store.put(resource.key, place, content).object

    def _remove(self, resource, place):
        self.store.drop(resource.key, place)

    def evict(self, namespace, name, eviction):
        """The eviction subresource: a delete that disruption budgets may refuse for now (429)."""
        pod = self.get(PODS, namespace, name).object
        options = dict(eviction.get("deleteOptions") or {})
        spared = pod["status"].get("phase") in {"Succeeded", "Failed", "Pending"} or pod["metadata"].get(
            "deletionTimestamp"
        )
        with self.store.lock:
            for stored in [] if spared else self.store.all(BUDGETS.key, namespace):
                budget = stored.object
                if not selects(
                    (budget.get("spec") or {}).get("selector"), pod["metadata"].get("labels") or {}
                ):
                    continue
                status = budget.get("status") or {}
                if (
                    status.get("observedGeneration", 0) < budget["metadata"]["generation"]
                    or status.get("disruptionsAllowed", 0) < 1
                ):
                    raise Refusal(
                        429, "TooManyRequests", "Cannot evict pod as it would violate the pod's disruption budget.",
                        details={"causes": [{"reason": "DisruptionBudget", "message": f"The disruption budget {budget['metadata']['name']} needs {status.get('desiredHealthy', 0)} healthy pods and has {status.get('currentHealthy', 0)} currently"}]},
                    )  # fmt: skip
                status = {**status, "disruptionsAllowed": status["disruptionsAllowed"] - 1}
                self._update(
                    BUDGETS,
                    (namespace, budget["metadata"]["name"]),
                    {**stored.copy(), "status": status},
                    "status",
                    False,
                )
            return self.delete(PODS, namespace, name, options)

    def bind(self, namespace, name, binding):
        with self.store.lock:
            stored = self.get(PODS, namespace, name)
            content = stored.copy()
            if content["spec"].get("nodeName"):
                raise conflict(
                    PODS, name, f'pod {name} is already assigned to node "{content["spec"]["nodeName"]}"'
                )
            if content["metadata"].get("deletionTimestamp"):
                raise conflict(PODS, name, f"pod {name} is being deleted, cannot be assigned to a host")
            content["spec"]["nodeName"] = binding["target"]["name"]
            content["status"].setdefault("conditions", []).append(
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": stamp(self.clock())}
            )
            self.store.put(PODS.key, (namespace, name), content)

    def scale(self, resource, namespace, name):
        content = self.get(resource, namespace, name).object
        selector = (content["spec"].get("selector") or {}).get("matchLabels") or {}
        return {
            "kind": "Scale",
            "apiVersion": "autoscaling/v1",
            "metadata": {
                field: content["metadata"][field]
                for field in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
            },
            "spec": {"replicas": content["spec"]["replicas"]},
            "status": {
                "replicas": (content.get("status") or {}).get("replicas", 0),
                "selector": ",".join(f"{label}={value}" for label, value in selector.items()),
            },
        }

    def set_scale(self, resource, namespace, name, scale, *, dry_run=False):
        with self.store.lock:
            content = self.get(resource, namespace, name).copy()
            content["spec"]["replicas"] = scale["spec"].get("replicas", 0)
            content["metadata"]["resourceVersion"] = scale["metadata"].get("resourceVersion")
            self._update(resource, (namespace, name), content, None, dry_run)
            return self.scale(resource, namespace, name)


def _status_metadata(resource, metadata):
    """What of the metadata a write to the status carries over: the deployment controller notes its revision so."""
    carried = {"Deployment": ("annotations",), "Pod": ("labels", "annotations")}.get(resource.kind, ())
    return {name: metadata.get(name) for name in carried}
