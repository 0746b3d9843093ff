"""Signed tokens of service accounts: from the pod's projected volume, or by TokenRequest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from guarita.config.rotation import KubernetesLogin
from guarita.rotation.errors import RotationConfigError, TransientError
from guarita.rotation.kube.api import Api, segment
from guarita.rotation.kube.workloads import ACCOUNT

_LIFETIME: Final = 600
"""Seconds: the shortest that the API grants."""


def service_account_token(section: KubernetesLogin, api_of: Callable[[str | None], Api]) -> str:
    """A token for Vault's Kubernetes method. `api_of` gives the client of a cluster by its name in guarita.yaml.

    Raises RotationConfigError where neither a file nor an account is named, TransientError.
    """
    path = Path(section.token_file)
    if section.service_account is None or path.exists():
        return _read(path)
    namespace, _, name = section.service_account.partition("/")
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": [section.audience], "expirationSeconds": _LIFETIME},
    }
    answer = api_of(section.cluster).create(f"{ACCOUNT.path(namespace, name)}/{segment('token')}", request)
    token = _token(answer)
    if not token:
        raise TransientError(
            "kube.no-token", f"ServiceAccount {section.service_account}: no token was made for it"
        )
    return token


def _token(answer: Mapping[str, object]) -> str:
    status = answer.get("status")
    return str(status.get("token") or "") if isinstance(status, dict) else ""


def _read(path: Path) -> str:
    try:
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise RotationConfigError(
            "rotation.no-token-file",
            f"{path}: is not there, and no account is named",
            hint="mount a projected service-account token there, or name `rotation.vault.login.service_account`",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise TransientError(
            "rotation.no-credential", f"{path}: cannot be read ({type(error).__name__})"
        ) from None
    if not text:
        raise TransientError("rotation.no-credential", f"{path}: is empty")
    return text
