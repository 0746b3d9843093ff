"""pytest fixtures. Load them by `pytest_plugins = ["guarita.gateway.testing.fixtures"]`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from guarita.gateway.testing.issuer import LocalIssuer
from guarita.gateway.testing.provider import LocalProvider


@pytest.fixture
def local_issuer() -> Iterator[LocalIssuer]:
    """An issuer over real HTTP on loopback, stopped after the test."""
    with LocalIssuer() as issuer:
        yield issuer


@pytest.fixture
def local_provider() -> Iterator[LocalProvider]:
    """An OpenID provider over real HTTP on loopback, that logs everybody in, stopped after the test."""
    with LocalProvider() as provider:
        yield provider
