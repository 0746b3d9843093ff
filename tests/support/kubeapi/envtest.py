"""A real control plane from a folder with etcd, kube-apiserver and kube-controller-manager, as envtest lays it out."""

import contextlib
import http.client
import os
import signal
import ssl
import subprocess

import servers
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from .tokens import ISSUER

CONTROLLERS = (
    "deployment-controller,replicaset-controller,statefulset-controller,daemonset-controller,job-controller,"
    "disruption-controller,garbage-collector-controller,namespace-controller,resourcequota-controller,"
    "serviceaccount-controller,root-ca-certificate-publisher-controller"
)


class ControlPlane:
    """etcd, API server and controllers on free loopback ports; no scheduler and no kubelet."""

    def __init__(self, assets, folder, authority, admin_token):
        self.assets, self.folder, self.authority = assets, folder / "plane", authority
        self.admin_token, self.issuer = admin_token, ISSUER
        self.port, self.etcd = servers.free_port(), servers.free_port()
        self.processes = []

    def _start(self, program, *arguments):
        binary = self.assets / program
        assert binary.exists(), f"KUBEBUILDER_ASSETS has no {program}"
        log = self.folder / f"{program}.log"
        with log.open("w") as out:
            process = subprocess.Popen([binary, *arguments], stdout=out, stderr=out, cwd=self.folder)
        self.processes.append(process)
        return process, log

    def __enter__(self):
        self.folder.mkdir()
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        private = self.folder / "accounts.key"
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.issuer_key = public.decode()
        (self.folder / "accounts.pub").write_bytes(public)
        (self.folder / "tokens.csv").write_text(f'{self.admin_token},admin,admin,"system:masters"\n')
        try:
            self._etcd()
            self._apiserver(private)
            self._manager(private)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _etcd(self):
        peer = servers.free_port()
        process, log = self._start(
            "etcd", "--data-dir", str(self.folder / "etcd"), "--unsafe-no-fsync",
            "--listen-client-urls", f"http://127.0.0.1:{self.etcd}", "--advertise-client-urls", f"http://127.0.0.1:{self.etcd}",
            "--listen-peer-urls", f"http://127.0.0.1:{peer}",
        )  # fmt: skip
        servers.wait_until(lambda: _answers(self.etcd, "/health"), process, log=log)

    def _apiserver(self, private):
        certificate, key = self.authority.issue("apiserver")
        process, log = self._start(
            "kube-apiserver", f"--etcd-servers=http://127.0.0.1:{self.etcd}", f"--secure-port={self.port}",
            "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", f"--tls-cert-file={certificate}", f"--tls-private-key-file={key}",
            f"--client-ca-file={self.authority.folder / 'ca.crt'}", f"--token-auth-file={self.folder / 'tokens.csv'}",
            f"--service-account-issuer={ISSUER}", f"--service-account-key-file={self.folder / 'accounts.pub'}",
            f"--service-account-signing-key-file={private}", "--authorization-mode=RBAC", "--service-cluster-ip-range=10.0.0.0/24",
            "--allow-privileged=true", "--profiling=false",
        )  # fmt: skip
        context = ssl.create_default_context(cafile=self.authority.folder / "ca.crt")
        servers.wait_until(lambda: _answers(self.port, "/readyz", context), process, log=log)

    def _manager(self, private):
        config = self.folder / "manager.yaml"
        config.write_text(
            "apiVersion: v1\nkind: Config\ncurrent-context: it\n"
            f"clusters: [{{name: it, cluster: {{server: 'https://127.0.0.1:{self.port}', certificate-authority: '{self.authority.folder / 'ca.crt'}'}}}}]\n"
            f"users: [{{name: it, user: {{token: '{self.admin_token}'}}}}]\n"
            "contexts: [{name: it, context: {cluster: it, user: it}}]\n"
        )
        self.manager, _ = self._start(
            "kube-controller-manager", f"--kubeconfig={config}", "--leader-elect=false", f"--controllers={CONTROLLERS}",
            f"--service-account-private-key-file={private}", f"--root-ca-file={self.authority.folder / 'ca.crt'}",
            f"--secure-port={servers.free_port()}", "--bind-address=127.0.0.1", f"--cert-dir={self.folder}",
            "--kube-api-qps=200", "--kube-api-burst=400",
        )  # fmt: skip

    def __exit__(self, *_):
        for process in reversed(self.processes):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)
            process.kill()
            process.wait()


def _answers(port, path, context=None):
    connection = (
        http.client.HTTPSConnection("127.0.0.1", port, timeout=2, context=context)
        if context
        else http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    )
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
