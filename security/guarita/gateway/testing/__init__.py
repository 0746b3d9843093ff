"""For tests of services behind the gateway: `pytest_plugins = ["guarita.gateway.testing.fixtures"]`."""

from guarita.gateway.testing.issuer import LocalIssuer
from guarita.gateway.testing.principals import as_principal

__all__ = ["LocalIssuer", "as_principal"]
