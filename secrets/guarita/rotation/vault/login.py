"""How this process shows Vault who it is, and the client that results."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import hvac

from guarita.config.rotation import AppRoleLogin, KubernetesLogin, TokenLogin, VaultSection
from guarita.rotation.errors import RotationConfigError, TransientError
from guarita.rotation.vault.bounded import BoundedAdapter
from guarita.rotation.vault.client import Login, Vault

ServiceAccountToken = Callable[[KubernetesLogin], str]
"""A signed token of the pod's service account, for the audience that Vault expects."""


def connect(
    section: VaultSection, folder: Path, token_of: ServiceAccountToken, kind: type[Vault] = Vault
) -> Vault:
    """A client for the configured Vault; nothing is asked of it yet. `folder` is that of guarita.yaml.

    Raises RotationConfigError where no address is known.
    """
    address = section.address or os.environ.get("VAULT_ADDR")
    if not address:
        raise RotationConfigError(
            "rotation.vault-address", "no Vault is named", hint="`rotation.vault.address`, or VAULT_ADDR"
        )
    ca_file = os.environ.get("VAULT_CACERT") if section.ca_file is None else str(folder / section.ca_file)
    client = hvac.Client(
        url=address,
        token="",  # not the environment's: the login says which
        verify=ca_file or True,
        timeout=section.timeout_seconds,
        namespace=section.namespace,
    )
    for scheme in ("https://", "http://"):
        client.session.mount(scheme, BoundedAdapter())
    return kind(client, _login(section.login, folder, token_of))


def _login(
    section: TokenLogin | AppRoleLogin | KubernetesLogin, folder: Path, token_of: ServiceAccountToken
) -> Login:
    match section:
        case TokenLogin():

            def by_token(client: hvac.Client) -> None:
                client.token = read_source(section.token.env, section.token.file, folder)

            return by_token
        case AppRoleLogin():

            def by_approle(client: hvac.Client) -> None:
                secret_id = read_source(section.secret_id.env, section.secret_id.file, folder)
                client.auth.approle.login(section.role_id, secret_id, mount_point=section.mount)

            return by_approle
        case KubernetesLogin():

            def by_kubernetes(client: hvac.Client) -> None:
                client.auth.kubernetes.login(section.role, token_of(section), mount_point=section.mount)

            return by_kubernetes


def read_source(env: str | None, file: str | None, folder: Path) -> str:
    """The secret in a variable or a file, read now. Raises TransientError: somebody may put it there."""
    if env is not None:
        value = os.environ.get(env, "")
        if not value:
            raise TransientError(
                "rotation.no-credential",
                f"the variable {env} is not set",
                hint="it holds what this run needs",
            )
        return value
    path = folder / (file or "")
    try:
        value = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise TransientError(
            "rotation.no-credential", f"{path}: cannot be read ({type(error).__name__})"
        ) from None
    if not value:
        raise TransientError("rotation.no-credential", f"{path}: is empty")
    return value
