"""The gateway itself: authenticators, access policy, limits and record, joined into one decision."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from guarita.gateway.grant import AccessDecision, AccessPolicy, Epoch, Grant
from guarita.gateway.interface import ANONYMOUS, Authenticator, Headers, Principal, Request
from guarita.gateway.metering import UNMEASURED, Meter
from guarita.gateway.proxies import Proxies
from guarita.gateway.refusal import ForbiddenError, RefusalError, TokenError, UndecidedError

if TYPE_CHECKING:
    from guarita.gateway.asgi.types import Receive, Scope, Send
    from guarita.gateway.metering import Outcome
    from guarita.gateway.tracing import Tracing
    from guarita.policy.access.made import Made

LOG = logging.getLogger("guarita.gateway")
MAX_SEEN = 5.0
"""Seconds that a grant is good for without being decided again: how late another process's revocation is heard."""
REFRESH = 1.0
"""Seconds between two looks at the policy's file."""
SAID_AGAIN = 60.0
"""Seconds, after which what is out of reach is said again in the log."""
MESSAGES = {
    "access.no-rule": "no rule covers this route",
    "access.not-owner": "it belongs to somebody else",
}


class CredentialMissingError(TokenError):
    """Nobody brought a credential that is understood here."""

    error = ""

    def __init__(self) -> None:
        super().__init__("credential.missing", "a credential is needed")


class Check(Protocol):
    """Something that has a say after the credential is right: revocation, limits."""

    async def check(self, principal: Principal, request: Request, rule: str) -> Sequence[tuple[bytes, bytes]]:
        """Headers for the response. Raises RefusalError."""


class Reporter(Protocol):
    """Where decisions are reported. No call may block, and only `ready` may raise."""

    def ready(self) -> None:
        """Raise RefusalError while decisions could not be recorded, and none is to be made then."""

    def granted(self, grant: Grant, request: Request) -> None:
        """A request was let through after a decision."""

    def refused(self, refusal: RefusalError, request: Request, principal: Principal | None) -> None:
        """A request was not let through."""

    def session(self, what: Literal["begun", "ended"], principal: Principal, request: Request) -> None:
        """Somebody logged in, or a session was ended at somebody's word."""


class Login(Protocol):
    """Where people log in: its endpoints stand before the access policy."""

    def serves(self, path: str) -> bool:
        """Whether this path is one of its endpoints."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer at an endpoint."""

    async def access_token(self, headers: Headers) -> str | None:
        """The access token that belongs to the session in these headers, or None."""

    def invitation(self, request: Request, refusal: RefusalError) -> str | None:
        """Where a browser goes instead of being refused: an absolute URL, or None where that would not help."""

    async def aclose(self) -> None:
        """End what is under way."""


class Metrics(Protocol):
    """What is served at a path of the application, to whomever the access policy lets through."""

    @property
    def path(self) -> str:
        """The path."""

    def exposition(self) -> tuple[bytes, bytes]:
        """Media type and text."""


class Silent:
    """Reports to nobody: for tests, and where the caller declares it."""

    def ready(self) -> None:
        """Always."""

    def granted(self, grant: Grant, request: Request) -> None:
        """Say nothing."""

    def refused(self, refusal: RefusalError, request: Request, principal: Principal | None) -> None:
        """Say nothing."""

    def session(self, what: Literal["begun", "ended"], principal: Principal, request: Request) -> None:
        """Say nothing."""


class Gateway:
    """Decides about requests. One for a process; every method may be called from one event loop."""

    @classmethod
    def from_file(cls, path: str | Path) -> Gateway:
        """The gateway that a guarita.yaml describes. It asks nobody yet; the first request, or `start`, does.

        Raises UsageError for what is wrong in the file, with its place.
        """
        from guarita.gateway.build import built  # noqa: PLC0415  # brings what the file asks for, and not before

        return built(Path(path))

    def __init__(
        self,
        policy: AccessPolicy,
        authenticators: Sequence[Authenticator],
        *,
        vetoes: Sequence[Callable[[Principal], None]] = (),
        checks: Sequence[Check] = (),
        arriving: Sequence[Callable[[Request], Awaitable[object]]] = (),
        proxies: Proxies | None = None,
        reporter: Reporter | None = None,
        realm: str = "guarita",
        metadata: tuple[str, bytes] | None = None,
        refuses_uncovered: bool = False,
        refresh: Callable[[], AccessPolicy] | None = None,
        starting: Sequence[Callable[[], Awaitable[None]]] = (),
        closing: Sequence[Callable[[], Awaitable[None]]] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Join the parts.

        `arriving` is awaited before any credential is looked at, and may refuse; `vetoes` look at who calls, and
        raise for one who is revoked. Who withdraws something later calls `forget`.

        With `refuses_uncovered` an application does not start that has routes which no rule covers. `refresh` gives the policy as its file has it now, and is asked once a second at most.

        `starting` is awaited by `start`, `closing` by `aclose`.
        """
        from guarita.policy.access.made import made  # noqa: PLC0415  # brings the policy's package, which is there by now

        self._made = made
        self.proxies = proxies or Proxies()
        self.realm = realm
        self.epoch = Epoch()
        self.clock = clock
        self.reporter: Reporter = reporter or Silent()
        self._policy = policy
        self._authenticators = tuple(authenticators)
        self.meter: Meter = UNMEASURED
        self.tracing: Tracing | None = None
        self.metrics: Metrics | None = None
        """Where metrics are served, and what they are."""
        self.login: Login | None = None
        """Set by who builds it, since it needs this gateway."""
        self.metadata = metadata
        """Path and document of the protected-resource metadata (RFC 9728), which anybody may read."""
        self.refuses_uncovered = refuses_uncovered
        self._checks = tuple(checks)
        self._arriving = tuple(arriving)
        self._vetoes = tuple(vetoes)
        self._started = False
        self._beginning: asyncio.Task[None] | None = None
        self._refresh = refresh
        self._refreshed = 0.0
        self._said: dict[str, float] = {}
        self._starting = tuple(starting)
        self._closing = tuple(closing)
        self.remembers = not (checks or arriving)
        """Whether a grant may be used again for the same request: not where each one is counted."""

    @property
    def policy(self) -> AccessPolicy:
        """The access policy that decides now."""
        return self._policy

    @property
    def authenticators(self) -> tuple[Authenticator, ...]:
        """Who is asked about a credential, in this order."""
        return self._authenticators

    def replace_authenticators(self, authenticators: Sequence[Authenticator]) -> None:
        """Ask these from now on: for tests."""
        self._authenticators = tuple(authenticators)
        self.forget()

    def replace_policy(self, policy: AccessPolicy) -> None:
        """Decide by another access policy from now on."""
        self._policy = policy
        self.forget()

    def forget(self) -> None:
        """Decide everything anew: a key was withdrawn, a principal revoked, the policy replaced."""
        self.epoch = Epoch()

    def refresh(self) -> None:
        """Take up a policy whose file has changed. One that is wrong is not taken up."""
        if self._refresh is None or time.monotonic() - self._refreshed < REFRESH:
            return
        self._refreshed = time.monotonic()
        found = self._refresh()
        if found is not self._policy:
            self.replace_policy(found)

    async def start(self) -> None:
        """Fetch keys, and what is revoked, ahead of the first request, which does it otherwise. Once.

        What cannot be had now is had later, or refused.
        """
        if self._started:
            return
        if self._beginning is None or self._beginning.get_loop() is not asyncio.get_running_loop():
            self._beginning = asyncio.ensure_future(self._begin())
        # Whoever comes meanwhile waits for it too, and none who goes away stops it for the others.
        await asyncio.shield(self._beginning)

    async def _begin(self) -> None:
        for begin in self._starting:
            await begin()
        self._started = True

    async def arrive(self, request: Request) -> None:
        """Look at nothing but that somebody comes, and from where. Raises RefusalError, which is reported."""
        try:
            if not self._started:
                await self.start()
            self.reporter.ready()
            self.refresh()
            for arrive in self._arriving:
                await arrive(request)
        except RefusalError as refusal:
            self.report(refusal, request)
            raise

    async def admit(self, request: Request) -> Grant:
        """Let a request through, or raise RefusalError. Either is reported."""
        began = time.perf_counter()
        try:
            if self.tracing is None:
                grant = await self._admit(request)
            else:
                grant = await self.tracing(self._admit, request)
        except RefusalError as refusal:
            outcome: Outcome = "undecided" if isinstance(refusal, UndecidedError) else "refused"
            took = time.perf_counter() - began
            rule = refusal.made.rule if refusal.made else ""
            self.meter.decided(outcome, refusal.audit_code, rule, "", took)
            raise
        took = time.perf_counter() - began
        self.meter.decided("granted", "", grant.rule, grant.principal.authenticator, took)
        return grant

    async def _admit(self, request: Request) -> Grant:
        await self.arrive(request)
        epoch = self.epoch
        principal, decision, kept, reusable = await self.confirm(request)
        try:
            headers = [
                h for check in self._checks for h in await check.check(principal, request, decision.rule)
            ]
        except RefusalError as refusal:
            self.report(refusal, request, principal)
            raise
        left = MAX_SEEN if principal.expires is None else principal.expires - self.clock()
        grant = Grant(
            principal=principal,
            rule=decision.rule,
            privileged=decision.privileged,
            # By a clock that nobody can set back.
            until=time.monotonic() + min(left, MAX_SEEN),
            epoch=epoch,
            made=kept,
            reusable=reusable and not (principal.bound or decision.privileged),
            headers=tuple(headers),
        )
        self.reporter.granted(grant, request)
        return grant

    async def confirm(self, request: Request) -> tuple[Principal, AccessDecision, Made, bool]:
        """Who calls, the rule that lets him through, what is kept of that, and whether `Authorization` alone said it.

        By itself it counts nothing, and so is how a connection that was admitted is looked at again. Raises
        RefusalError, which is reported.
        """
        policy = self._policy
        principal, reusable, roles = None, True, frozenset[str]()
        try:
            decision = policy.decide(None, request.method, request.path)
            if decision.public:
                principal = ANONYMOUS
            else:
                principal, reusable = await self._identified(request, policy, decision)
                for veto in self._vetoes:
                    veto(principal)
                held = policy.grant(principal)
                roles = held.roles
                decision = policy.decide(principal, request.method, request.path, held)
            kept = self._made(
                policy.digest,
                request.method,
                rule=decision.rule,
                code=decision.code,
                principal=principal,
                roles=roles,
            )
            if not decision.allowed:
                refusal = ForbiddenError(
                    decision.code, MESSAGES.get(decision.code, "the access policy does not allow it")
                )
                refusal.made = kept
                self.forbidden(refusal, principal, request.headers)
                raise refusal
        except RefusalError as refusal:
            self.report(refusal, request, principal)
            raise
        return principal, decision, kept, reusable

    async def _identified(
        self, request: Request, policy: AccessPolicy, decision: AccessDecision
    ) -> tuple[Principal, bool]:
        """As `_principal`; that nobody brought anything is a decision of the policy's too."""
        try:
            return await self._principal(request)
        except CredentialMissingError as missing:
            missing.made = self._made(
                policy.digest, request.method, rule=decision.rule, code=decision.code, principal=None
            )
            raise

    def forbidden(self, refusal: RefusalError, principal: Principal, headers: Headers) -> None:
        """Give a refusal the challenge that fits the credential in these headers, which was right and not enough."""
        for authenticator in self._authenticators:
            if authenticator.name == principal.authenticator:
                authenticator.forbidden(refusal, headers)

    def turned_away(self, refusal: RefusalError, method: str, client: str) -> None:
        """Report a request that was refused before anybody could say what it means: by its path, or a header."""
        self.meter.decided("refused", refusal.audit_code, "", "", 0.0)
        self.report(refusal, Request(method if method.isupper() else "", "", (), client=client))

    def report(self, refusal: RefusalError, request: Request, principal: Principal | None = None) -> None:
        """Tell the record of a refusal, and the operator of what the caller is not told."""
        if isinstance(refusal, UndecidedError):
            self._say(refusal)
        self.reporter.refused(refusal, request, principal)

    async def _principal(self, request: Request) -> tuple[Principal, bool]:
        """Who calls, and whether `Authorization` alone said so.

        The first authenticator that knows the credential decides. Raises RefusalError.
        """
        by_authorization = True
        for authenticator in self._authenticators:
            # One that was asked before and knew nothing might have known something in another request.
            by_authorization = by_authorization and authenticator.by_authorization
            principal = await authenticator.authenticate(request)
            if principal is not None:
                return principal, by_authorization
        raise CredentialMissingError

    def _say(self, undecided: UndecidedError) -> None:
        """Tell the operator what the caller is not told, without a line for each request."""
        now = time.monotonic()
        if now - self._said.get(undecided.code, float("-inf")) >= SAID_AGAIN:
            self._said[undecided.code] = now
            LOG.warning("%s: %s", undecided.code, undecided.message)

    def challenges(self) -> list[str]:
        """What to offer where nothing was brought."""
        # Two kinds of token may be offered by the same words.
        return list(dict.fromkeys(offer for each in self._authenticators for offer in each.challenges()))

    async def aclose(self) -> None:
        """Let go of everything."""
        if self.login is not None:
            await self.login.aclose()
        for authenticator in self._authenticators:
            await authenticator.aclose()
        for close in self._closing:
            await close()
