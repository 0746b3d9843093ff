"""From a request to the API: who asks, what for, whether he may, and the answer."""

import json
import re
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from . import rbac
from .errors import Refusal, bad_request, expired, forbidden
from .names import named_only
from .resources import ACCOUNTS, NAMESPACES, PODS, VERBS
from .tokens import ANONYMOUS, User

PATH = re.compile(
    r"(?:/api/(?P<core>v1)|/apis/(?P<group>[^/]+)/(?P<version>[^/]+))(?:/namespaces/(?P<namespace>[^/]+)(?=/.))?"
    r"/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<sub>[^/]+))?/?\Z"
)
METHODS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
TRUE = {"1", "true", "True"}


@dataclass
class Request:
    method: str
    path: str
    query: dict
    headers: dict
    body: bytes = b""
    user: User = ANONYMOUS
    verb: str = ""
    resource: object = None
    namespace: str | None = None
    name: str | None = None
    sub: str | None = None

    @classmethod
    def of(cls, method, target, headers, body):
        path, _, query = target.partition("?")
        return cls(method, path, dict(parse_qsl(query, keep_blank_values=True)), headers, body)

    @property
    def watching(self):
        return self.method == "GET" and self.query.get("watch") in TRUE

    @property
    def dry(self):
        asked = self.query.get("dryRun")
        if asked not in {None, "", "All"}:
            raise Refusal(422, "Invalid", f'dryRun: Unsupported value: "{asked}": supported values: "All"')
        return bool(asked)

    def content(self):
        if not self.body:
            return {}
        kind = self.headers.get("content-type", "application/json").partition(";")[0].strip()
        if kind != "application/json" and not kind.endswith("+json"):
            raise Refusal(
                415, "UnsupportedMediaType", f"the body of the request was in an unknown format - {kind}"
            )
        try:
            found = json.loads(self.body)
        except ValueError as error:
            raise bad_request(f"the object provided is unrecognized (must be of type …): {error}") from None
        return found


@dataclass
class Answer:
    code: int
    content: object
    headers: dict = field(default_factory=dict)


@dataclass
class Watching:
    """A stream of events instead of one answer."""

    resource: object
    namespace: str | None
    matches: object
    start: int | None
    seconds: float
    bookmarks: bool
    initial: bool = False
    """A list by watch: everything there is as ADDED, then a bookmark that says that this was all."""


class Backend:
    """The emulated control plane, as the front sees it."""

    def __init__(self, api, accounts, admin_token):
        self.api, self.accounts, self.store = api, accounts, api.store
        self.admin_token = admin_token

    # Who

    def authenticate(self, request):
        header = request.headers.get("authorization", "")
        if not header:
            return ANONYMOUS
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            raise _unauthorized()
        if token.strip() == self.admin_token:
            return User("admin", ("system:masters", "system:authenticated"))
        user, _ = self.accounts.user(token.strip())
        if user is None:
            raise _unauthorized()
        wanted = request.headers.get("impersonate-user")
        if wanted:
            raise bad_request("impersonation is not emulated")
        return user

    # What

    def parse(self, request):
        """Fills in what the path names; gives False for a path that is no resource's."""
        found = PATH.match(request.path)
        if not found:
            return False
        group = found["group"] or ""
        plural, namespace, name, sub = found["plural"], found["namespace"], found["name"], found["sub"]
        resource = self.api.resources.get((group, plural))
        if resource is None or resource.version != (found["version"] or found["core"]):
            raise Refusal(404, "NotFound", "the server could not find the requested resource")
        if resource is NAMESPACES:
            namespace = None
        if (sub and sub not in resource.subresources) or (resource.namespaced and name and not namespace):
            raise Refusal(404, "NotFound", "the server could not find the requested resource")
        request.resource, request.namespace, request.name, request.sub = resource, namespace, name, sub
        request.verb = METHODS[request.method]
        if request.method == "GET" and not name:
            request.verb = "watch" if request.watching else "list"
        elif request.watching:
            request.verb = "watch"
        if request.method == "DELETE" and not name:
            request.verb = "deletecollection"
        return True

    def authorize(self, request):
        if request.user.masters:
            return
        if request.resource is None:
            if not rbac.allowed_path(
                self.store, request.user, verb=METHODS[request.method], path=request.path
            ):
                raise Refusal(
                    403, "Forbidden",
                    f'forbidden: User "{request.user.name}" cannot {METHODS[request.method]} path "{request.path}"',
                )  # fmt: skip
            return
        resource, name = request.resource, request.name or ""
        if request.verb in {"list", "watch"} and not name:
            name = named_only(request.query.get("fieldSelector"))
        if rbac.allowed(
            self.store, request.user, verb=request.verb, group=resource.group, resource=resource.plural,
            subresource=request.sub or "", name=name, namespace=request.namespace or "",
        ):  # fmt: skip
            return
        where = f' in the namespace "{request.namespace}"' if request.namespace else " at the cluster scope"
        what = resource.plural + (f"/{request.sub}" if request.sub else "")
        raise forbidden(
            resource, request.name,
            f'User "{request.user.name}" cannot {request.verb} resource "{what}" in API group "{resource.group}"{where}',
        )  # fmt: skip

    # The answer

    def handle(self, request):
        request.user = self.authenticate(request)
        known = self.parse(request)
        self.authorize(request)
        if not known:
            return self._plain(request)
        resource = request.resource
        if resource.creatable_only:
            return Answer(201, self._review(request))
        if request.sub:
            return self._subresource(request)
        content = request.content() if request.method in {"POST", "PUT", "PATCH", "DELETE"} else None
        return getattr(self, f"_{request.verb}")(request, content)

    def _get(self, request, _):
        return Answer(200, self.api.get(request.resource, request.namespace, request.name).object)

    def _list(self, request, _):
        resource = request.resource
        revision, items, more, remaining = self.api.list(resource, request.namespace, request.query)
        metadata = {"resourceVersion": str(revision)}
        if more:
            metadata["continue"] = more
            if not request.query.get("labelSelector") and not request.query.get("fieldSelector"):
                metadata["remainingItemCount"] = remaining
        head = json.dumps(
            {"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": metadata}
        )
        # The items of a list carry neither kind nor apiVersion in the real server's answer for built-in kinds.
        if "as=PartialObjectMetadataList" in request.headers.get("accept", ""):
            head = head.replace(f'"{resource.kind}List"', '"PartialObjectMetadataList"')
            head = head.replace(f'"{resource.api_version}"', '"meta.k8s.io/v1"')
            parts = [{"metadata": stored.object["metadata"]} for stored in items]
            return Answer(200, f'{head[:-1]},"items":{json.dumps(parts)}}}')
        texts = ",".join(stored.text if resource.custom else _bare(stored) for stored in items)
        return Answer(200, f'{head[:-1]},"items":[{texts}]}}')

    def _watch(self, request, _):
        query = request.query
        field = query.get("fieldSelector")
        if request.name:
            field = ",".join(filter(None, [field, f"metadata.name={request.name}"]))
        return Watching(
            request.resource, request.namespace, self.api.select(request.resource, query.get("labelSelector"), field),
            self.api.watch_from(query), float(query.get("timeoutSeconds") or 1800),
            query.get("allowWatchBookmarks") in TRUE, query.get("sendInitialEvents") in TRUE,
        )  # fmt: skip

    def _create(self, request, content):
        if request.name:
            raise Refusal(
                405, "MethodNotAllowed", "the server does not allow this method on the requested resource"
            )
        if request.resource.namespaced and not request.namespace:
            raise bad_request("an empty namespace may not be set during creation")
        return Answer(201, self.api.create(request.resource, request.namespace, content, dry_run=request.dry))

    def _update(self, request, content):
        return Answer(
            200,
            self.api.update(
                request.resource,
                request.namespace,
                request.name,
                content,
                subresource=request.sub,
                dry_run=request.dry,
            ),
        )

    def _patch(self, request, content):
        kind = request.headers.get("content-type", "").partition(";")[0].strip()
        return Answer(
            200,
            self.api.patch(
                request.resource, request.namespace, request.name, kind, content,
                subresource=request.sub, dry_run=request.dry,
            ),
        )  # fmt: skip

    def _delete(self, request, options):
        query = request.query
        if query.get("propagationPolicy"):
            options["propagationPolicy"] = query["propagationPolicy"]
        if query.get("gracePeriodSeconds"):
            options["gracePeriodSeconds"] = int(query["gracePeriodSeconds"])
        dry = request.dry or options.get("dryRun") == ["All"]
        before = self.api.get(request.resource, request.namespace, request.name).object
        left = self.api.delete(request.resource, request.namespace, request.name, options, dry_run=dry)
        if left is not None or request.resource is PODS:
            return Answer(200, left or before)
        return Answer(
            200,
            {
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
                "details": {**request.resource.details(request.name), "uid": before["metadata"]["uid"]},
            },
        )  # fmt: skip

    def _deletecollection(self, request, options):
        _, items, _, _ = self.api.list(request.resource, request.namespace, request.query)
        for stored in items:
            metadata = stored.object["metadata"]
            self.api.delete(
                request.resource, metadata.get("namespace"), metadata["name"], options, dry_run=request.dry
            )
        return Answer(200, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})

    def _subresource(self, request):
        resource, sub, verb = request.resource, request.sub, request.verb
        place = (request.namespace, request.name)
        content = request.content() if verb != "get" else None
        if sub == "status" and verb in {"get", "update", "patch"}:
            return getattr(self, f"_{verb}")(request, content)
        if sub == "scale":
            if verb == "get":
                return Answer(200, self.api.scale(resource, *place))
            if verb == "patch":
                kind = request.headers.get("content-type", "").partition(";")[0]
                base = self.api.scale(resource, *place)
                given = (
                    (content.get("metadata") or {}).get("resourceVersion")
                    if isinstance(content, dict)
                    else None
                )
                content = self.api.apply_patch(resource, base, kind, content)
                content["metadata"]["resourceVersion"] = given
            return Answer(200, self.api.set_scale(resource, *place, content, dry_run=request.dry))
        if sub == "eviction" and verb == "create":
            self.api.evict(*place, content)
            return Answer(201, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})
        if sub == "binding" and verb == "create":
            self.api.bind(*place, content)
            return Answer(
                201, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
            )
        if sub == "token" and verb == "create":
            self.api.get(ACCOUNTS, *place)
            return Answer(201, self.accounts.issue(*place, content))
        raise Refusal(
            405, "MethodNotAllowed", "the server does not allow this method on the requested resource"
        )

    def _review(self, request):
        if request.verb != "create":
            raise Refusal(
                405, "MethodNotAllowed", "the server does not allow this method on the requested resource"
            )
        content, kind = request.content(), request.resource.kind
        head = {"kind": kind, "apiVersion": request.resource.api_version, "metadata": {}}
        if kind == "TokenReview":
            return self.accounts.review(content)
        if kind == "SelfSubjectReview":
            user = {"username": request.user.name, "groups": list(request.user.groups)}
            return {**head, "status": {"userInfo": user}}
        spec = content.get("spec") or {}
        if kind == "SelfSubjectRulesReview":
            rules = list(rbac.rules_of(self.store, request.user, spec.get("namespace", "")))
            found = [
                {
                    name: rule[name]
                    for name in ("verbs", "apiGroups", "resources", "resourceNames")
                    if name in rule
                }
                for rule in rules
                if rule.get("resources")
            ]
            return {
                **head,
                "spec": {},
                "status": {"resourceRules": found, "nonResourceRules": [], "incomplete": False},
            }
        user = request.user
        if kind == "SubjectAccessReview":
            user = User(spec.get("user", ""), tuple(spec.get("groups") or ()))
        asked = spec.get("resourceAttributes") or {}
        ok = user.masters or rbac.allowed(
            self.store, user, verb=asked.get("verb", ""), group=asked.get("group", ""), resource=asked.get("resource", ""),
            subresource=asked.get("subresource", ""), name=asked.get("name", ""), namespace=asked.get("namespace", ""),
        )  # fmt: skip
        return {**head, "spec": spec, "status": {"allowed": ok}}

    def _plain(self, request):
        path = request.path.rstrip("/")
        if path in {"/healthz", "/livez", "/readyz"}:
            return Answer(200, "ok", {"Content-Type": "text/plain"})
        if path == "/version":
            return Answer(
                200,
                {"major": "1", "minor": "36", "gitVersion": "v1.36.0+emulated", "platform": "linux/amd64"},
            )
        if path == "/openid/v1/jwks":
            return Answer(200, self.accounts.signer.jwks(), {"Content-Type": "application/jwk-set+json"})
        if path == "/.well-known/openid-configuration":
            return Answer(200, self.accounts.signer.discovery())
        if path == "/api":
            return Answer(200, {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})
        groups = {}
        for resource in self.api.resources.values():
            groups.setdefault(resource.group, set()).add(resource.version)
        if path == "/apis":
            return Answer(
                200,
                {
                    "kind": "APIGroupList",
                    "apiVersion": "v1",
                    "groups": [_group(name, versions) for name, versions in sorted(groups.items()) if name],
                },
            )
        found = re.match(r"/apis/([^/]+)\Z", path)
        if found and found[1] in groups:
            return Answer(200, {**_group(found[1], groups[found[1]]), "kind": "APIGroup", "apiVersion": "v1"})
        found = re.match(r"/(?:api/(v1)|apis/([^/]+)/([^/]+))\Z", path)
        if found and (found[2] or "") in groups:
            return Answer(200, self._resource_list(found[2] or "", found[1] or found[3]))
        raise Refusal(404, "NotFound", "the server could not find the requested resource")

    def _resource_list(self, group, version):
        found = []
        for resource in self.api.resources.values():
            if (resource.group, resource.version) != (group, version):
                continue
            base = {
                "namespaced": resource.namespaced,
                "kind": resource.kind,
                "singularName": resource.kind.lower(),
            }
            found.append(
                {
                    **base,
                    "shortNames": SHORT.get(resource.plural, []),
                    "name": resource.plural,
                    "verbs": ["create"] if resource.creatable_only else list(VERBS),
                }
            )
            found.extend(
                {**base, "name": f"{resource.plural}/{sub}", "singularName": "", "verbs": ["get", "patch", "update", "create"],
                 **_SUBKINDS.get(sub, {})}
                for sub in resource.subresources
            )  # fmt: skip
        return {
            "kind": "APIResourceList", "apiVersion": "v1", "resources": found,
            "groupVersion": f"{group}/{version}" if group else version,
        }  # fmt: skip

    # Watching

    def events(self, watching, stop):
        """The events of a watch, as texts; ends with an ERROR event 410 when the past is gone, or when time is up."""
        store, resource = self.store, watching.resource
        until = time.monotonic() + watching.seconds
        noted = time.monotonic()
        with store.lock:
            if watching.start is None or watching.initial:
                revision = store.revision
                first = [s for s in store.all(resource.key, watching.namespace) if watching.matches(s.object)]
            else:
                revision, first = watching.start, []
        for stored in first:
            yield _event("ADDED", stored.text)
        if watching.initial:
            yield _bookmark(resource, revision, annotations={"k8s.io/initial-events-end": "true"})
        while time.monotonic() < until and not stop():
            with store.lock:
                if revision < store.compacted:
                    gone = expired(f"too old resource version: {revision} ({store.compacted})").status()
                    yield _event("ERROR", json.dumps(gone))
                    return
                changes, latest = store.since(revision), store.revision
            for change in changes:
                text = _change_event(change, watching)
                if text:
                    yield text
            revision = latest
            if watching.bookmarks and time.monotonic() - noted > 1:
                noted = time.monotonic()
                yield _bookmark(resource, revision)
            store.wait(revision, min(0.5, max(0.0, until - time.monotonic())))


def _change_event(change, watching):
    if change.key != watching.resource.key:
        return None
    if watching.namespace is not None and change.place[0] != watching.namespace:
        return None
    before = change.old is not None and watching.matches(change.old.object)
    now = change.kind != "DELETED" and watching.matches(change.new.object)
    if now:
        return _event("MODIFIED" if before else "ADDED", change.new.text)
    return _event("DELETED", change.new.text) if before else None


def _bookmark(resource, revision, **metadata):
    metadata |= {"resourceVersion": str(revision), "creationTimestamp": None}
    return _event(
        "BOOKMARK",
        json.dumps({"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}),
    )


def _event(kind, text):
    return f'{{"type":"{kind}","object":{text}}}\n'


def _bare(stored):
    found = dict(stored.object)
    found.pop("kind", None)
    found.pop("apiVersion", None)
    return json.dumps(found, separators=(",", ":"))


def _group(name, versions):
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in sorted(versions)]
    return {"name": name, "versions": listed, "preferredVersion": listed[-1]}


SHORT = {
    "namespaces": ["ns"], "deployments": ["deploy"], "replicasets": ["rs"], "statefulsets": ["sts"], "pods": ["po"],
    "daemonsets": ["ds"], "serviceaccounts": ["sa"], "configmaps": ["cm"], "poddisruptionbudgets": ["pdb"],
    "resourcequotas": ["quota"], "cronjobs": ["cj"], "nodes": ["no"],
}  # fmt: skip
_SUBKINDS = {
    "scale": {"kind": "Scale", "group": "autoscaling", "version": "v1"},
    "eviction": {"kind": "Eviction", "group": "policy", "version": "v1"},
    "binding": {"kind": "Binding"},
    "token": {"kind": "TokenRequest", "group": "authentication.k8s.io", "version": "v1"},
}


def _unauthorized():
    return Refusal(401, "Unauthorized", "Unauthorized")
