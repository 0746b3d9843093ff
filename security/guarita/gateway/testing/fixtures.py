"""The fixtures of the plugin, for a pytest that loads no plugins by itself: `pytest_plugins = ["guarita.gateway.testing.fixtures"]`."""

from guarita.gateway.testing.plugin import credentials_for, local_issuer, local_provider, signed_in

__all__ = ["credentials_for", "local_issuer", "local_provider", "signed_in"]
