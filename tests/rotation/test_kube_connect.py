"""How a cluster is reached: a kubeconfig, or the account of the pod; and what is said when there is neither."""

import datetime as dt
import os
import sys

import pytest
import yaml

from guarita.config.rotation import ClusterSection, KubernetesLogin
from guarita.errors import MissingExtraError
from guarita.rotation.errors import RotationConfigError, TransientError
from guarita.rotation.kube import connect, service_account_token


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_a_kubeconfig_by_name_by_context_and_by_the_environment(kube, nowhere, monkeypatch):
    path = kube.server.kubeconfig()
    content = yaml.safe_load(path.read_text())
    content["contexts"].append({"name": "broken", "context": {"cluster": "nowhere", "user": "tests"}})
    content["clusters"].append({"name": "nowhere", "cluster": {"server": "https://127.0.0.1:1"}})
    path.write_text(yaml.safe_dump(content))
    for section in (
        ClusterSection(kubeconfig=str(path)),
        ClusterSection(kubeconfig=os.path.relpath(path, nowhere)),
        ClusterSection(kubeconfig=str(path), context="tests"),
    ):
        api = connect("default", section, nowhere)
        assert api.get("/version")["gitVersion"]
        api.close()
    assert (
        connect("default", ClusterSection(kubeconfig=str(path), context="broken"), nowhere).server
        == "https://127.0.0.1:1"
    )
    monkeypatch.setenv("KUBECONFIG", str(path))
    assert connect("default", ClusterSection(), nowhere).get("/version")


def test_the_account_of_the_pod_with_a_token_that_is_renewed_on_disk(kube, nowhere, monkeypatch):
    from kubernetes.config import incluster_config

    token = nowhere / "token"
    token.write_text(kube.server.token(kube.namespace, "default"))
    monkeypatch.setattr(sys.modules["guarita.rotation.kube.connect"], "_ACCOUNT", token)
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(kube.server.ca))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(kube.server.port))
    api = connect("default", ClusterSection(), nowhere)
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    assert (
        api.create(path, review)["status"]["userInfo"]["username"]
        == f"system:serviceaccount:{kube.namespace}:default"
    )
    kube.apply(
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "later", "namespace": kube.namespace},
        }
    )
    token.write_text(kube.server.token(kube.namespace, "later"))
    # A minute later the file is read again.
    real = dt.datetime

    class Later(real):
        @classmethod
        def now(cls, tz=None):
            return real.now(tz) + dt.timedelta(minutes=2)

    monkeypatch.setattr(incluster_config.datetime, "datetime", Later)
    assert api.create(path, review)["status"]["userInfo"]["username"].endswith(":later")
    api.close()


def test_neither_is_said(nowhere):
    with pytest.raises(RotationConfigError) as caught:
        connect("east", ClusterSection(), nowhere)
    assert "cluster east" in caught.value.message
    assert "kubeconfig" in caught.value.hint


@pytest.mark.parametrize("text", ["{", "a: b", "- hunter2", "", "users: [{name: x, user: {token: hunter2}}]"])
def test_a_broken_kubeconfig_is_a_configuration_error_that_quotes_nothing(nowhere, text):
    (nowhere / "kubeconfig").write_text(text)
    with pytest.raises(RotationConfigError) as caught:
        connect("default", ClusterSection(kubeconfig="kubeconfig"), nowhere)
    assert "hunter2" not in f"{caught.value!r}{caught.value.__cause__!r}"


def test_a_missing_kubeconfig_is_a_configuration_error(nowhere):
    with pytest.raises(RotationConfigError):
        connect("default", ClusterSection(kubeconfig="none.yaml"), nowhere)


def test_without_the_client_the_extra_is_named(nowhere, monkeypatch):
    import builtins

    real = builtins.__import__

    def without(name, *more, **named):
        if name.partition(".")[0] == "kubernetes":
            raise ModuleNotFoundError("No module named 'kubernetes'", name="kubernetes")
        return real(name, *more, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError) as caught:
        connect("default", ClusterSection(), nowhere)
    assert caught.value.hint == "pip install 'guarita[rotation]'"


def test_a_projected_token_is_read_and_its_absence_said(nowhere):
    path = nowhere / "token"
    login = KubernetesLogin(role="rotation", token_file=str(path))
    with pytest.raises(RotationConfigError, match="no account is named"):
        service_account_token(login, pytest.fail)
    path.write_text("\n")
    with pytest.raises(TransientError, match="is empty"):
        service_account_token(login, pytest.fail)
    path.write_text("signed.by.somebody\n")
    assert service_account_token(login, pytest.fail) == "signed.by.somebody"
