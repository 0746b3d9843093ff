"""Starts a control plane for tests: the emulator, or a real one when KUBEBUILDER_ASSETS names its folder."""

import base64
import contextlib
import http.client
import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import yaml

from .client import ApiError, Client
from .kubelet import Kubelet
from .tls import Authority

SUPPORT = Path(__file__).parent.parent


class Cluster:
    """A control plane that runs. `real` says whether it is Kubernetes itself."""

    def __init__(self, folder, authority, admin_token, process, said, *, real):
        self.folder, self.authority, self.admin_token, self.process = folder, authority, admin_token, process
        self.port, self.side_port, self.real = said["port"], said["side"], real
        self.issuer, self.issuer_key = said.get("issuer"), said.get("issuer_key")
        self.ca = folder / "ca.crt"
        self.client = Client(self.port, self.ca, admin_token)
        self.url = f"https://127.0.0.1:{self.port}"

    def side(self, command, **body):
        """Tells the process something by its side port."""
        connection = http.client.HTTPConnection("127.0.0.1", self.side_port, timeout=30)
        connection.request("POST", f"/{command}", json.dumps(body))
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        content = json.loads(answer.read())
        connection.close()
        return content

    def fault(self, action, **rule):
        self.side("fault", action=action, **rule)

    def reset(self):
        assert self.side("reset") == []

    def requests(self, **which):
        return self.side("requests", **which)

    def kubeconfig(self, token=None, *, namespace="default", name="kubeconfig", **cluster):
        """A file with which a client reaches it by a token (the administrator's)."""
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "tests",
            "clusters": [
                {
                    "name": "tests",
                    "cluster": {"server": self.url, "certificate-authority": str(self.ca), **cluster},
                }
            ],
            "users": [{"name": "tests", "user": {"token": token or self.admin_token}}],
            "contexts": [
                {"name": "tests", "context": {"cluster": "tests", "user": "tests", "namespace": namespace}}
            ],
        }
        path = self.folder / f"{name}-{secrets.token_hex(4)}.yaml"
        path.write_text(yaml.safe_dump(content))
        return path

    def apply(self, *documents):
        """Creates each object, at its path; gives them back."""
        return [self.client.create(collection_path(document), document) for document in documents]

    @contextlib.contextmanager
    def namespace(self, prefix="t"):
        """A namespace of its own for a test, with its default account; emptied afterwards without waiting."""
        name = f"{prefix}-{secrets.token_hex(4)}"
        self.client.create("/api/v1/namespaces", {"metadata": {"name": name}})
        if self.real:  # the account's controller does not run; pods need the account
            with contextlib.suppress(ApiError):
                self.client.create(
                    f"/api/v1/namespaces/{name}/serviceaccounts", {"metadata": {"name": "default"}}
                )
        try:
            yield name
        finally:
            self.client.delete(f"/api/v1/namespaces/{name}")

    def kubelet(self, choose, namespace):
        return Kubelet(self.client, choose, namespace=namespace)

    def token(self, namespace, account, *, audiences=None, seconds=3600):
        """A signed token of a service account, by TokenRequest."""
        spec = {"expirationSeconds": seconds, **({"audiences": audiences} if audiences else {})}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        return self.client.create(path, body)["status"]["token"]


PLURALS = {"NetworkPolicy": "networkpolicies", "Ingress": "ingresses", "Endpoints": "endpoints"}
CLUSTER_WIDE = {"Namespace", "Node", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}


def collection_path(document, plural=None):
    version, kind = document["apiVersion"], document["kind"]
    root = "/api/v1" if version == "v1" else f"/apis/{version}"
    plural = plural or PLURALS.get(kind, f"{kind.lower()}s")
    if kind in CLUSTER_WIDE:
        return f"{root}/{plural}"
    return f"{root}/namespaces/{document['metadata']['namespace']}/{plural}"


def path_of(document, plural=None):
    return f"{collection_path(document, plural)}/{document['metadata']['name']}"


def secret(namespace, name, **data):
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"namespace": namespace, "name": name},
        "type": "Opaque",
        "data": encoded,
    }


@contextlib.contextmanager
def running(folder):
    """A control plane below a folder: real when KUBEBUILDER_ASSETS is set, emulated otherwise."""
    folder = Path(folder)
    authority = Authority(folder)
    certificate, key = authority.issue("front")
    config = {
        "certificate": str(certificate),
        "key": str(key),
        "admin_token": f"admin-{secrets.token_hex(8)}",
    }
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    with contextlib.ExitStack() as stack:
        if assets:
            from .envtest import ControlPlane

            plane = stack.enter_context(ControlPlane(Path(assets), folder, authority, config["admin_token"]))
            config |= {"target": ["127.0.0.1", plane.port], "trust": str(folder / "ca.crt")}
        (folder / "kubeapi.json").write_text(json.dumps(config))
        process = subprocess.Popen(
            [sys.executable, "-m", "kubeapi", folder / "kubeapi.json"], cwd=SUPPORT,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=(folder / "kubeapi.log").open("w"),
        )  # fmt: skip
        try:
            line = process.stdout.readline()
            assert line, (folder / "kubeapi.log").read_text()
            said = json.loads(line)
            if assets:
                said |= {"issuer": plane.issuer, "issuer_key": plane.issuer_key}
            yield Cluster(folder, authority, config["admin_token"], process, said, real=bool(assets))
        finally:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
