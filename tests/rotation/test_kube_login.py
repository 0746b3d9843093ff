"""Vault's Kubernetes method with tokens of TokenRequest: OpenBao asks the API server about each by TokenReview."""

import contextlib

import hvac
import pytest
import servers

from guarita.config.rotation import ClusterSection, KubernetesLogin, VaultSection
from guarita.rotation.errors import TransientError
from guarita.rotation.kube import connect, service_account_token
from guarita.rotation.kube.rbac import token_rules
from guarita.rotation.vault.login import connect as connect_vault


@pytest.fixture
def login(kube, bao):
    """A Vault that trusts the cluster; gives its address and the name of the mount."""
    namespace, mount = kube.namespace, f"k-{kube.namespace}"
    for name in ("rotation", "stranger", "reviewer"):
        kube.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}
        )
    group = "rbac.authorization.k8s.io"
    binding = {
        "apiVersion": f"{group}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": f"reviewer-{namespace}"},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "system:auth-delegator"},
        "subjects": [{"kind": "ServiceAccount", "name": "reviewer", "namespace": namespace}],
    }  # fmt: skip
    kube.apply(binding)
    root = hvac.Client(url=bao, token=servers.BAO_TOKEN)
    root.sys.enable_auth_method("kubernetes", path=mount)
    root.auth.kubernetes.configure(
        kubernetes_host=kube.server.url, kubernetes_ca_cert=kube.server.ca.read_text(), disable_local_ca_jwt=True,
        token_reviewer_jwt=kube.server.token(namespace, "reviewer"), mount_point=mount,
    )  # fmt: skip
    root.write_data(
        f"auth/{mount}/role/rotation",
        data={
            "bound_service_account_names": "rotation", "bound_service_account_namespaces": namespace,
            "audience": "vault", "token_policies": "default", "token_ttl": "10m",
        },
    )  # fmt: skip
    yield bao, mount
    root.sys.disable_auth_method(mount)
    with contextlib.suppress(Exception):
        kube.client.delete(f"/apis/{group}/v1/clusterrolebindings/reviewer-{namespace}")


def vault_as(kube, login, account, *, token=None, audience="vault", folder=None):
    """The client that a configuration gives, logged in by a token that an account asked for itself."""
    address, mount = login
    path = kube.server.kubeconfig(token, namespace=kube.namespace)
    section = KubernetesLogin(
        role="rotation", mount=mount, audience=audience, token_file=str(kube.folder / "none"),
        service_account=f"{kube.namespace}/{account}",
    )  # fmt: skip

    def api_of(name):
        assert name is None
        return connect("default", ClusterSection(kubeconfig=str(path)), kube.folder)

    return connect_vault(
        VaultSection(address=address, login=section),
        kube.folder,
        lambda asked: service_account_token(asked, api_of),
    )


def test_a_runner_logs_in_with_a_token_that_it_asked_for(kube, login):
    kube.grant("rotation", token_rules("rotation"))
    mine = kube.server.token(kube.namespace, "rotation")
    vault = vault_as(kube, login, "rotation", token=mine)
    found = vault.read("auth/token/lookup-self")
    assert found["meta"]["service_account_name"] == "rotation"
    assert found["path"] == f"auth/{login[1]}/login"
    vault.close()
    other = vault_as(kube, login, "stranger", token=mine)
    with pytest.raises(TransientError, match="may not do this"):
        other.read("auth/token/lookup-self")  # it may ask for its own token only


@pytest.mark.parametrize(
    ("account", "audience"), [("stranger", "vault"), ("rotation", "https://somewhere.else")]
)
def test_another_account_or_audience_is_refused(kube, login, account, audience):
    vault = vault_as(kube, login, account, audience=audience)
    with pytest.raises(TransientError) as caught:
        vault.read("auth/token/lookup-self")
    assert caught.value.code == "vault.forbidden"


def test_a_token_of_an_account_that_is_gone_is_worth_nothing(kube, login):
    token = kube.server.token(kube.namespace, "rotation", audiences=["vault"])
    kube.client.delete(kube.path("serviceaccounts", "rotation"))
    client = hvac.Client(url=login[0])
    with pytest.raises(hvac.exceptions.Forbidden):
        client.auth.kubernetes.login("rotation", token, mount_point=login[1])


def test_a_forged_token_is_refused(kube, login):
    head, claims, signature = kube.server.token(kube.namespace, "rotation", audiences=["vault"]).split(".")
    forged = f"{head}.{claims}.{signature[:-8]}{'A' * 8}"
    client = hvac.Client(url=login[0])
    with pytest.raises(hvac.exceptions.Forbidden):
        client.auth.kubernetes.login("rotation", forged, mount_point=login[1])


def test_vaults_jwt_method_verifies_the_same_tokens_by_the_clusters_key(kube, login):
    root = hvac.Client(url=login[0], token=servers.BAO_TOKEN)
    mount = f"j-{kube.namespace}"
    root.sys.enable_auth_method("jwt", path=mount)
    root.write_data(
        f"auth/{mount}/config",
        data={"jwt_validation_pubkeys": [kube.server.issuer_key], "bound_issuer": kube.server.issuer},
    )
    root.write_data(
        f"auth/{mount}/role/rotation",
        data={
            "role_type": "jwt", "bound_audiences": ["vault"], "user_claim": "sub",
            "bound_subject": f"system:serviceaccount:{kube.namespace}:rotation", "token_policies": "default",
        },
    )  # fmt: skip
    token = kube.server.token(kube.namespace, "rotation", audiences=["vault"])
    answer = hvac.Client(url=login[0]).auth.jwt.jwt_login("rotation", token, path=mount)
    assert answer["auth"]["client_token"]
    root.sys.disable_auth_method(mount)
