"""Calls to Vault (or OpenBao), and what becomes of its errors. Needs the extra `pii-vault`.

Address, token and CA come from VAULT_ADDR, VAULT_TOKEN and VAULT_CACERT.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import hvac
import requests
from hvac.exceptions import Forbidden, InvalidPath, VaultError

from guarita.errors import ExitStatus, GuaritaError
from guarita.policy.access import PrincipalData

ISSUER: Final = "vault"
"""What a binding calls the issuer of principals that are known by their token for Vault."""


class VaultUnavailableError(GuaritaError):
    """Vault does not answer, or not as it should: a later attempt may succeed."""


class VaultRefusedError(GuaritaError):
    """Vault says no: to this token, or to what it was asked."""

    exit_status = ExitStatus.REFUSED


def asked(place: str, call: Callable[..., Any], **arguments: Any) -> Any:
    """Call Vault. Raises VaultRefusedError `pii.vault-refused`, VaultUnavailableError `pii.vault-unavailable`.

    Their texts name the place and the kind of error: Vault's own may quote the request.
    """
    try:
        return call(**arguments)
    except Forbidden:
        raise VaultRefusedError(
            "pii.vault-refused",
            f"{place}: Vault does not let this token do that",
            hint="look at the token's policy",
        ) from None
    except (VaultError, requests.RequestException) as error:
        raise VaultUnavailableError(
            "pii.vault-unavailable",
            f"{place}: Vault does not answer as it should ({type(error).__name__})",
            hint="VAULT_ADDR, VAULT_TOKEN, and the key that guarita.yaml names are needed",
        ) from None


def read_field(place: str, *, timeout: float, client: hvac.Client | None = None) -> Any:
    """The field at MOUNT/PATH#FIELD of a KV engine v2, or None. `timeout` is in seconds. Raises as `asked`."""
    where, _, name = place.rpartition("#")
    mount, _, path = where.partition("/")
    kv = (client or hvac.Client(timeout=timeout)).secrets.kv.v2

    def read(**arguments: Any) -> Any:
        try:
            return kv.read_secret_version(**arguments)
        except InvalidPath:
            return {"data": {"data": {}}}

    answer = asked(f"vault:{where}", read, path=path, mount_point=mount, raise_on_deleted_version=True)
    return answer["data"]["data"].get(name)


def holder(timeout: float, client: hvac.Client | None = None) -> PrincipalData:
    """Whose token this process holds, as Vault says: its entity, else its display name. Raises as `asked`."""
    client = client or hvac.Client(timeout=timeout)
    found = asked("vault", client.auth.token.lookup_self)["data"]
    return PrincipalData(
        subject=str(found.get("entity_id") or found.get("display_name") or ""),
        issuer=ISSUER,
        roles=frozenset(map(str, found.get("identity_policies") or ()))
        | frozenset(map(str, found.get("policies") or ())),
    )
