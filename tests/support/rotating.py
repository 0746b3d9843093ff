"""What tests of rotation share: clients of the code under test."""

import hvac
import servers

from guarita.rotation.vault import Vault


def vault_at(address, *, token=servers.BAO_TOKEN, timeout=5.0):
    """A client of the code under test, logged in by a token."""
    client = hvac.Client(url=address, token="", timeout=timeout)
    return Vault(client, lambda asked: setattr(asked, "token", token))
