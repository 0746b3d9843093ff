"""From a guarita.yaml to a gateway."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Literal

from guarita import config
from guarita.audit import LedgerError, open_configured
from guarita.config.gateway import AuditSection, GatewaySection
from guarita.gateway.core import Gateway, Silent
from guarita.gateway.grant import Grant
from guarita.gateway.interface import Authenticator, Principal, Request
from guarita.gateway.metering import UNMEASURED, Measurable, Meter
from guarita.gateway.oauth import certificates
from guarita.gateway.oauth.build import token_parts
from guarita.gateway.proxies import Proxies
from guarita.gateway.refusal import RefusalError
from guarita.gateway.reporting import LedgerReporter, UnrecordedError
from guarita.policy.access import AccessPolicy, PolicyFile

LOG = logging.getLogger("guarita.gateway")
OPEN_AGAIN = 2.0
"""Seconds, after which a ledger that could not be opened is tried again."""


def built(path: Path) -> Gateway:
    """The gateway of this file. Raises UsageError, with the place of what is wrong."""
    section = config.load(path).gateway
    folder = path.absolute().parent
    policy = PolicyFile(path)
    tokens = token_parts(
        section.tokens,
        folder,
        realm=section.realm,
        opaque_elsewhere=section.api_keys is not None,
        redis=section.redis,
    )
    authenticators: list[Authenticator] = [*tokens.authenticators]
    if section.api_keys is not None:
        from guarita.gateway.apikeys.build import build_authenticator  # noqa: PLC0415  # only where there are keys

        authenticators.append(build_authenticator(section.api_keys, folder))
    login = None
    if section.login is not None:
        from guarita.gateway.login.build import login_parts  # noqa: PLC0415  # only where somebody logs in

        login = login_parts(section.login, section.redis, folder)
        # After all that a request says by itself: a cookie comes along with every one.
        authenticators.append(login.authenticator)
    limits = None
    if section.limits is not None:
        from guarita.gateway.limits.limiter import build_limits  # noqa: PLC0415  # only where there are limits

        limits = build_limits(
            section.limits,
            section.redis,
            folder,
            routes=section.access.routes,
            roles=lambda principal: policy.policy.grant(principal).roles,
        )
    withdrawn = _Withdrawn()
    revocations = None
    if section.revocation is not None:
        from guarita.gateway.revocation.revocations import build_revocations  # noqa: PLC0415  # only where it is used

        revocations = build_revocations(section.revocation, section.redis, folder, changed=withdrawn.tell)
    reporter = Silent() if section.audit is None else _Recorded(section.audit, path)
    telling = _Telling(policy)
    gateway = Gateway(
        policy.policy,
        authenticators,
        vetoes=[revocations.must_be_good] if revocations else [],
        checks=[limits] if limits else [],
        arriving=[limits.arrive] if limits else [],
        metadata=(tokens.resource.path, tokens.resource.document()) if tokens.resource else None,
        refuses_uncovered=section.uncovered == "refuse",
        proxies=_proxies(section),
        reporter=reporter,
        realm=section.realm,
        refresh=telling.refreshed,
        starting=[
            *([reporter.start] if isinstance(reporter, _Recorded) else []),
            *([revocations.start] if revocations else []),
            *(_warming(source.warm) for source in [*tokens.sources, *([login.source] if login else [])]),
        ],
        closing=[
            *([limits.aclose] if limits else []),
            *([tokens.replay.aclose] if tokens.replay else []),
            *([revocations.aclose] if revocations else []),
            *([reporter.aclose] if isinstance(reporter, _Recorded) else []),
        ],
    )
    withdrawn.gateway = gateway
    sources = [*tokens.sources, *([login.source] if login else [])]
    _observe(gateway, section, [telling, reporter, limits, revocations, *sources, *authenticators])
    if login is not None:
        gateway.login = login.endpoints(gateway)
    for source in tokens.sources:
        source.watch(gateway.forget)
    return gateway


def _observe(gateway: Gateway, section: GatewaySection, parts: Iterable[object]) -> None:
    """Spans and metrics, where they are asked for."""
    if section.tracing:
        from guarita.gateway.tracing import Tracing  # noqa: PLC0415  # only where it is asked for

        gateway.tracing = Tracing()
    if section.metrics is not None:
        from guarita.gateway.metrics.serving import Served, meter  # noqa: PLC0415  # only where it is asked for

        gateway.meter = meter()
        if section.metrics.path is not None:
            gateway.metrics = Served(section.metrics.path)
        for part in parts:
            if isinstance(part, Measurable):
                part.meter = gateway.meter


def _proxies(section: GatewaySection) -> Proxies:
    said = section.client_certificate
    if said is None:
        return Proxies(section.proxies, rfc7239=section.forwarded == "rfc7239")
    readers = {
        "rfc9440": certificates.of_client_cert,
        "pem": certificates.of_escaped_pem,
        "xfcc": certificates.of_xfcc,
    }
    return Proxies(
        section.proxies,
        certificate_header=said.header,
        certificate=readers[said.form],
        rfc7239=section.forwarded == "rfc7239",
    )


class _Telling:
    """The policy as its file has it now; that a file is wrong is said once, and the old policy kept."""

    def __init__(self, file: PolicyFile) -> None:
        self._file = file
        self._told: str | None = None
        self.meter: Meter = UNMEASURED

    def refreshed(self) -> AccessPolicy:
        found = self._file.reload_if_changed()
        said = found.error.message if found.error else None
        if said != self._told and said is not None:
            LOG.error("the old access policy is kept: %s", said)
        self._told = said
        self.meter.policy(right=said is None)
        return found.policy


def _warming(warm: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    async def warming() -> None:
        try:
            await warm()
        except RefusalError:
            return  # the issuer is out of reach: the first request asks again, and says so

    return warming


class _Withdrawn:
    """Tells the gateway that something it relied on is withdrawn, also what is built before the gateway is."""

    gateway: Gateway | None = None

    def tell(self) -> None:
        if self.gateway is not None:
            self.gateway.forget()


class _Recorded:
    """A reporter that opens the ledger when it is first needed, in the process that needs it, and never on an event loop.

    Servers fork after the application is imported, and an open ledger does not survive that. One on another machine may
    take its time to answer, or not answer at all.
    """

    def __init__(self, section: AuditSection, path: Path) -> None:
        self._section = section
        self._path = path
        self._opening = threading.Lock()
        self._not_before = 0.0
        self._reporter: LedgerReporter | None = None
        self.meter: Meter = UNMEASURED
        self._open = contextlib.ExitStack()
        self._pid = 0
        self._untold = 0

    async def start(self) -> None:
        """Open the ledger, or find that it cannot be opened now."""
        await asyncio.to_thread(self._try)

    def ready(self) -> None:
        """As a Reporter."""
        opened = self._opened()
        if opened is not None:
            opened.ready()
        elif self._section.when_unwritable == "deny":
            raise UnrecordedError

    def granted(self, grant: Grant, request: Request) -> None:
        """As a Reporter."""
        if (opened := self._opened()) is not None:
            opened.granted(grant, request)
        else:
            self._untold += 1

    def refused(self, refusal: RefusalError, request: Request, principal: Principal | None) -> None:
        """As a Reporter."""
        if (opened := self._opened()) is not None:
            opened.refused(refusal, request, principal)
        else:
            self._untold += 1

    def session(self, what: Literal["begun", "ended"], principal: Principal, request: Request) -> None:
        """As a Reporter."""
        if (opened := self._opened()) is not None:
            opened.session(what, principal, request)
        else:
            self._untold += 1

    async def aclose(self) -> None:
        """Write what waits, and close the ledger, without holding the event loop."""
        if self._pid == os.getpid():
            await asyncio.to_thread(self._open.close)
        self._reporter = None

    def _opened(self) -> LedgerReporter | None:
        """What is open in this process. Where nothing is, a thread tries now and then."""
        if self._reporter is not None and self._pid == os.getpid():
            return self._reporter
        if time.monotonic() >= self._not_before:
            self._not_before = time.monotonic() + OPEN_AGAIN
            threading.Thread(target=self._try, name="guarita-gateway-ledger", daemon=True).start()
        return None

    def _try(self) -> None:
        if not self._opening.acquire(blocking=False):
            return
        try:
            if self._reporter is None or self._pid != os.getpid():
                self._make()
        except LedgerError as error:
            LOG.warning("the ledger cannot be opened: %s", error.message)
            self.meter.asked("ledger", answered=False)
        finally:
            self._not_before = time.monotonic() + OPEN_AGAIN
            self._opening.release()

    def _make(self) -> None:
        """Raises LedgerError."""
        ledger = open_configured(None, self._path)
        made = LedgerReporter(
            ledger, when_unwritable=self._section.when_unwritable, interval=self._section.interval
        )
        made.meter = self.meter
        made.dropped, self._untold = self._untold, 0
        self._open = contextlib.ExitStack()
        self._open.callback(ledger.close)
        self._open.callback(made.close)
        self._reporter, self._pid = made, os.getpid()
