"""Role-based access: may this user do this, by the Roles and bindings in the store."""

from .resources import BY_KEY

DISCOVERY = (
    "/api",
    "/api/*",
    "/apis",
    "/apis/*",
    "/healthz",
    "/livez",
    "/openapi",
    "/openapi/*",
    "/readyz",
    "/version",
    "/version/",
)
PUBLIC = ("/healthz", "/livez", "/readyz", "/version", "/version/")
ISSUER = (
    "/.well-known/openid-configuration",
    "/.well-known/openid-configuration/",
    "/openid/v1/jwks",
    "/openid/v1/jwks/",
)


def bootstrap():
    """The roles that every cluster starts with, as far as anything here asks for them."""

    def role(name, *rules):
        return ("clusterroles", {"metadata": {"name": name}, "rules": list(rules)})

    def binding(name, role_name, *groups):
        subjects = [
            {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": group} for group in groups
        ]
        ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role_name}
        return ("clusterrolebindings", {"metadata": {"name": name}, "roleRef": ref, "subjects": subjects})

    def get(paths):
        return {"nonResourceURLs": list(paths), "verbs": ["get"]}

    return [
        role("cluster-admin", {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}, {"nonResourceURLs": ["*"], "verbs": ["*"]}),
        binding("cluster-admin", "cluster-admin", "system:masters"),
        role("system:discovery", get(DISCOVERY)),
        binding("system:discovery", "system:discovery", "system:authenticated"),
        role("system:public-info-viewer", get(PUBLIC)),
        binding("system:public-info-viewer", "system:public-info-viewer", "system:authenticated", "system:unauthenticated"),
        role(
            "system:basic-user",
            {"apiGroups": ["authorization.k8s.io"], "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"], "verbs": ["create"]},
            {"apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"], "verbs": ["create"]},
        ),
        binding("system:basic-user", "system:basic-user", "system:authenticated"),
        role("system:service-account-issuer-discovery", get(ISSUER)),
        binding("system:service-account-issuer-discovery", "system:service-account-issuer-discovery", "system:serviceaccounts"),
        role(
            "system:auth-delegator",
            {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]},
            {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
        ),
        role("view", {"apiGroups": ["", "apps", "batch"], "resources": ["pods", "deployments", "statefulsets", "daemonsets", "jobs", "cronjobs", "configmaps", "services"], "verbs": ["get", "list", "watch"]}),
    ]  # fmt: skip


ROLES, BINDINGS = (
    BY_KEY["rbac.authorization.k8s.io", "roles"],
    BY_KEY["rbac.authorization.k8s.io", "rolebindings"],
)
CLUSTER_ROLES = BY_KEY["rbac.authorization.k8s.io", "clusterroles"]
CLUSTER_BINDINGS = BY_KEY["rbac.authorization.k8s.io", "clusterrolebindings"]


def _is(subject, user, namespace):
    if subject["kind"] == "User":
        return subject["name"] == user.name
    if subject["kind"] == "Group":
        return subject["name"] in user.groups
    return user.name == f"system:serviceaccount:{subject.get('namespace', namespace)}:{subject['name']}"


def rules_of(store, user, namespace):
    """The rules that hold for a user in a namespace ("" for the whole cluster)."""
    for stored in store.all(CLUSTER_BINDINGS.key):
        yield from _rules(store, stored.object, user, None)
    if namespace:
        for stored in store.all(BINDINGS.key, namespace):
            yield from _rules(store, stored.object, user, namespace)


def _rules(store, binding, user, namespace):
    if not any(_is(subject, user, namespace) for subject in binding.get("subjects") or []):
        return
    ref = binding["roleRef"]
    role = (
        store.get(CLUSTER_ROLES.key, ("", ref["name"]))
        if ref["kind"] == "ClusterRole"
        else store.get(ROLES.key, (namespace, ref["name"]))
    )
    if role is not None:
        yield from role.object.get("rules") or []


def allowed(store, user, *, verb, group="", resource="", subresource="", name="", namespace=""):
    wanted = f"{resource}/{subresource}" if subresource else resource
    for rule in rules_of(store, user, namespace):
        if not ({"*", verb} & set(rule.get("verbs") or [])) or not (
            {"*", group} & set(rule.get("apiGroups") or [])
        ):
            continue
        resources = set(rule.get("resources") or [])
        if not ({"*", wanted} & resources or (subresource and f"*/{subresource}" in resources)):
            continue
        if rule.get("resourceNames") and name not in rule["resourceNames"]:
            continue
        return True
    return False


def allowed_path(store, user, *, verb, path):
    for rule in rules_of(store, user, ""):
        if not ({"*", verb} & set(rule.get("verbs") or [])):
            continue
        for url in rule.get("nonResourceURLs") or []:
            if url in {"*", path} or (url.endswith("*") and path.startswith(url[:-1])):
                return True
    return False
