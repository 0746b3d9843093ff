"""For tests of services behind the gateway: `pytest_plugins = ["guarita.gateway.testing.fixtures"]`."""

from guarita.gateway.testing.issuer import LocalIssuer
from guarita.gateway.testing.principals import as_principal
from guarita.gateway.testing.provider import LocalProvider

__all__ = ["LocalIssuer", "LocalProvider", "as_principal"]
