"""pytest fixtures. Load them by `pytest_plugins = ["guarita.gateway.testing.fixtures"]`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from guarita.gateway.testing.issuer import LocalIssuer


@pytest.fixture
def local_issuer() -> Iterator[LocalIssuer]:
    """An issuer over real HTTP on loopback, stopped after the test."""
    with LocalIssuer() as issuer:
        yield issuer
