"""The limits of guarita.yaml, applied: which ones fit a request, counted, and told to the client."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from limits import RateLimitItemPerSecond

from guarita.config.gateway_access import RouteSection
from guarita.config.gateway_limits import LimitRule, LimitsSection, RedisSection
from guarita.errors import UsageError
from guarita.gateway.interface import Principal, Request
from guarita.gateway.limits.counters import LocalCounter, SharedCounter
from guarita.gateway.limits.headers import headers
from guarita.gateway.limits.holders import holder
from guarita.gateway.limits.interface import Counter, GoneError, Quota
from guarita.gateway.limits.refusal import Headers, LimitError, LimitUndecidedError
from guarita.gateway.metering import UNMEASURED, Meter


class Limits:
    """A check of the gateway: counts every request in each limit that fits it.

    A request that one limit refuses counts in the others all the same, and not in that one.
    """

    def __init__(
        self,
        section: LimitsSection,
        counter: Counter,
        *,
        routes: Iterable[RouteSection] = (),
        roles: Callable[[Principal], frozenset[str]] = lambda principal: principal.roles,
        fallback: Counter | None = None,
    ) -> None:
        """`routes` are those of the access policy, for limits by permission; `roles` are all that a principal has.

        `fallback` counts while `counter` is gone, where the section says `memory`.
        """
        self._section = section
        self._counter = counter
        self._fallback = fallback or LocalCounter()
        self._routes = tuple(routes)
        self._roles = roles
        self.meter: Meter = UNMEASURED
        self._items = {
            rule.name: RateLimitItemPerSecond(rule.quota, rule.window, namespace=rule.name)
            for rule in section.rules
        }
        self._fitting = functools.lru_cache(maxsize=4096)(self._fitting_uncached)

    async def arrive(self, request: Request) -> Headers:
        """Count a request before its credentials are looked at. Raises as `check`."""
        rules = [
            rule for rule in self._section.rules if rule.counts == "arriving" and _by_method(rule, request)
        ]
        return await self._counted(rules, None, request)

    async def check(self, principal: Principal, request: Request, rule: str) -> Sequence[tuple[bytes, bytes]]:
        """Count an admitted request; `rule` is the access rule that admitted it: `GET, PUT /docs/{id}`.

        Gives headers for the response. Raises LimitError, LimitUndecidedError.
        """
        rules: Sequence[LimitRule] = self._fitting("/" + rule.partition(" /")[2], request.method)
        if any(one.roles for one in rules):
            has = self._roles(principal)
            rules = [one for one in rules if not one.roles or not has.isdisjoint(one.roles)]
        return await self._counted(rules, principal, request)

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._counter.aclose()

    async def _counted(
        self, rules: Sequence[LimitRule], principal: Principal | None, request: Request
    ) -> Headers:
        if not rules:
            return ()
        prefix = self._section.ipv6_prefix
        quotas = [
            Quota(self._items[rule.name], holder(rule.by, principal, request.client, prefix))
            for rule in rules
        ]
        try:
            counts = await self._counter.hit(quotas)
        except GoneError:
            self.meter.asked("limits", answered=False)
            if self._section.when_gone == "deny":
                raise LimitUndecidedError from None
            if self._section.when_gone == "allow":
                return ()
            counts = await self._fallback.hit(quotas)
        else:
            self.meter.asked("limits", answered=True)
        told = headers(rules, counts)
        for rule, count in zip(rules, counts, strict=True):
            if not count.allowed:
                self.meter.limited(rule.name)
                raise LimitError(rule.name, told)
        return told

    def _fitting_uncached(self, path: str, method: str) -> tuple[LimitRule, ...]:
        asked = {
            permission
            for route in self._routes
            if route.path == path and _has_method(route.methods, method)
            for permission in route.permissions or ()
        }
        return tuple(
            rule
            for rule in self._section.rules
            if rule.counts == "admitted"
            and (rule.routes is None or path in rule.routes)
            and (rule.methods is None or _has_method(rule.methods, method))
            and (rule.permissions is None or not asked.isdisjoint(rule.permissions))
        )


def build_limits(
    section: LimitsSection,
    redis: RedisSection | None,
    folder: Path,
    *,
    routes: Sequence[RouteSection] = (),
    roles: Callable[[Principal], frozenset[str]] = lambda principal: principal.roles,
) -> Limits:
    """The limits that guarita.yaml describes. Raises UsageError `limit.route`, `limit.redis`, and for Redis' extra."""
    known = {route.path for route in routes}
    for rule in section.rules:
        for path in rule.routes or ():
            if path not in known:
                raise UsageError(
                    "limit.route",
                    f"gateway.limits: the limit {rule.name} is for {path}, which no route of gateway.access is",
                )
    if section.store == "memory":
        return Limits(section, LocalCounter(), routes=routes, roles=roles)
    if redis is None:
        raise UsageError("limit.redis", "gateway.limits: store is redis, and there is no gateway.redis")
    counter = SharedCounter(redis, folder, timeout=section.timeout_seconds)
    return Limits(section, counter, routes=routes, roles=roles)


def _by_method(rule: LimitRule, request: Request) -> bool:
    return rule.methods is None or _has_method(rule.methods, request.method)


def _has_method(methods: Sequence[str], method: str) -> bool:
    """As the access policy has it: `*` is all, and GET covers HEAD."""
    return "*" in methods or method in methods or (method == "HEAD" and "GET" in methods)
