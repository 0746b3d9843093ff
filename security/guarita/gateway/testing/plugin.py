"""pytest's plugin: fixtures, and `pytest --guarita-attack app:app`.

Every pytest of an environment with Guarita loads this module, so it imports nothing until something is asked for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from guarita.gateway.testing.attack.world import Setup
    from guarita.gateway.testing.issuer import LocalIssuer
    from guarita.gateway.testing.provider import LocalProvider


class Hooks:
    """What a conftest.py may define."""

    def pytest_guarita_attack(self, attack: Setup) -> None:
        """Prepare an attack, before the application is imported: values, bodies, credentials, an issuer to trust."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("guarita", "attacks on an ASGI application (guarita.gateway.testing)")
    group.addoption(
        "--guarita-attack",
        metavar="MODULE:APP",
        help="Attack every route of this application, by tokens, headers, paths and methods. Tests that are not named"
        " on the command line are not run beside.",
    )
    group.addoption(
        "--guarita-attack-policy",
        metavar="FILE",
        help="The guarita.yaml that says who may call what. [default: that of the gateway in the application]",
    )


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(Hooks)


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("guarita_attack"):
        from guarita.gateway.testing.attack.session import AttackSession  # noqa: PLC0415  # only who asks for it pays

        config.pluginmanager.register(AttackSession(config), "guarita-attack")


@pytest.fixture
def local_issuer() -> Iterator[LocalIssuer]:
    """An issuer over real HTTP on loopback, that mints, rotates, hangs and lies; stopped after the test."""
    from guarita.gateway.testing.issuer import LocalIssuer  # noqa: PLC0415

    with LocalIssuer() as issuer:
        yield issuer


@pytest.fixture
def local_provider() -> Iterator[LocalProvider]:
    """An OpenID provider over real HTTP on loopback, that logs everybody in; stopped after the test."""
    from guarita.gateway.testing.provider import LocalProvider  # noqa: PLC0415

    with LocalProvider() as provider:
        yield provider


@pytest.fixture
def signed_in() -> Iterator[Callable[..., None]]:
    """Sign somebody in: after `signed_in(app, "ana", scopes=["docs:read"])` every request to the application is hers.

    Its gateways decide as ever, and take nobody's credential; after the test they do again.
    """
    from guarita.gateway.testing.attack.gateways import gateways  # noqa: PLC0415
    from guarita.gateway.testing.principals import as_principal  # noqa: PLC0415

    with contextlib.ExitStack() as undoing:

        def sign_in(app: Any, subject: str, **said: Any) -> None:
            for gateway in gateways(app):
                undoing.callback(gateway.replace_authenticators, gateway.authenticators)
                gateway.replace_authenticators([as_principal(subject, **said)])

        yield sign_in


@pytest.fixture
def credentials_for(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[Any], Callable[..., dict[str, str]]]]:
    """Headers with a token that an application takes: `credentials_for(app)("ana", scopes=["docs:read"])`.

    Its issuers' keys become ours, so that nobody is asked over a network; tokens are verified as ever.
    """
    from guarita.gateway.testing.attack.wallet import opened  # noqa: PLC0415

    with contextlib.ExitStack() as undoing:

        def taking(app: Any) -> Callable[..., dict[str, str]]:
            made = undoing.enter_context(opened(app, tmp_path_factory.mktemp("guarita")))

            def headers(subject: str, **said: Any) -> dict[str, str]:
                return made(subject, said)

            return headers

        yield taking
