"""The way to a real control plane, walked with stand-ins for its programs: what starts them, and what stands before."""

import stat
import sys
import threading

import pytest
from kubeapi import cluster as kubecluster
from kubeapi.client import ApiError, Client
from kubeapi.cluster import secret

ETCD = """
import http.server, sys
at = sys.argv[sys.argv.index("--listen-client-urls") + 1].rpartition(":")[2]
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "2"); self.end_headers(); self.wfile.write(b"{}")
http.server.HTTPServer(("127.0.0.1", int(at)), Health).serve_forever()
"""
APISERVER = """
import json, os, sys
told = dict(argument.removeprefix("--").split("=", 1) for argument in sys.argv[1:])
token = open(told["token-auth-file"]).read().split(",")[0]
config = {"certificate": told["tls-cert-file"], "key": told["tls-private-key-file"], "admin_token": token,
          "port": int(told["secure-port"]), "forever": True,
          "signing_key": told["service-account-signing-key-file"]}
json.dump(config, open("stand-in.json", "w"))
os.environ["PYTHONPATH"] = SUPPORT
os.execv(sys.executable, [sys.executable, "-m", "kubeapi", "stand-in.json"])
"""
MANAGER = """
import sys, time
assert any(argument.startswith("--kubeconfig=") for argument in sys.argv)
time.sleep(600)
"""


def stand_ins(folder):
    for name, text in (("etcd", ETCD), ("kube-apiserver", APISERVER), ("kube-controller-manager", MANAGER)):
        path = folder / name
        path.write_text(f"#!{sys.executable}\nSUPPORT = {str(kubecluster.SUPPORT)!r}\n{text}")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return folder


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    assets = stand_ins(tmp_path_factory.mktemp("assets"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBEBUILDER_ASSETS", str(assets))
        with kubecluster.running(tmp_path_factory.mktemp("plane")) as plane:
            yield plane


def test_requests_reach_the_server_behind_with_their_own_credentials(plane):
    assert plane.real
    with plane.namespace() as namespace:
        plane.apply(secret(namespace, "one", a="b"))
        assert [
            one["metadata"]["name"]
            for one in plane.client.get(f"/api/v1/namespaces/{namespace}/secrets")["items"]
        ] == ["one"]
        stranger = Client(plane.port, plane.ca, plane.token(namespace, "default"))
        with pytest.raises(ApiError) as caught:
            stranger.get(f"/api/v1/namespaces/{namespace}/secrets?limit=1")
        assert caught.value.code == 403
        user = f"system:serviceaccount:{namespace}:default"
        assert [entry["code"] for entry in plane.requests(user=user)] == [403]


def test_faults_stand_before_the_server(plane):
    with plane.namespace() as namespace:
        plane.fault("lose", method="POST", path="*/secrets")
        fresh = Client(plane.port, plane.ca, plane.admin_token)  # with no connection that it could open again
        with pytest.raises(OSError):
            fresh.create(f"/api/v1/namespaces/{namespace}/secrets", secret(namespace, "one", a="b"))
        assert plane.client.get(f"/api/v1/namespaces/{namespace}/secrets/one")
        plane.fault("status", code=503, path="*/secrets/one", retry_after="1")
        with pytest.raises(ApiError, match="503"):
            plane.client.get(f"/api/v1/namespaces/{namespace}/secrets/one")
        plane.side("reset")


def test_watches_pass_and_are_dropped(plane):
    with plane.namespace() as namespace:
        path = f"/api/v1/namespaces/{namespace}/secrets"
        seen, ended = [], threading.Event()
        start = plane.client.get(path)["metadata"]["resourceVersion"]

        def watch():
            seen.extend(
                (kind, one["metadata"].get("name"))
                for kind, one in plane.client.watch(path, start, threading.Event())
                if kind != "BOOKMARK"
            )
            ended.set()

        threading.Thread(target=watch, daemon=True).start()
        plane.apply(secret(namespace, "one", a="b"))
        for _ in range(200):
            if ("ADDED", "one") in seen:
                break
            ended.wait(0.05)
        plane.side("drop-watches")
        assert ended.wait(10)
        assert seen == [("ADDED", "one")]


def test_a_folder_that_lacks_a_program_is_said(tmp_path, monkeypatch):
    (tmp_path / "assets").mkdir()
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "assets"))
    with pytest.raises(AssertionError, match="has no etcd"), kubecluster.running(tmp_path):
        pass
