"""The application under attack: started, its endpoints probed, its gateways made to take credentials of ours."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from guarita import config
from guarita.config.gateway_access import steps
from guarita.errors import UsageError
from guarita.gateway.core import Gateway
from guarita.gateway.endpoints import Answering, answering, layers
from guarita.gateway.imported import imported
from guarita.gateway.testing.attack.driver import Driver
from guarita.gateway.testing.attack.examples import Schema, filled, plain, values_for
from guarita.gateway.testing.attack.gateways import before, gateways
from guarita.gateway.testing.attack.interface import ATTACKS, Aim, Answer, Attack, Header, Holder, Target
from guarita.gateway.testing.attack.judge import Finding, came_through, findings
from guarita.gateway.testing.attack.principals import NOBODY, allowed, holders, owning
from guarita.gateway.testing.attack.probes import Probe, probed
from guarita.gateway.testing.attack.wallet import Mint, Wallet, adopt
from guarita.gateway.testing.issuer import LocalIssuer
from guarita.policy.access import AccessPolicy, Endpoint, PrincipalData, load

_TRIED: Final = 8
"""Who may, at most, is tried until the application lets somebody through."""


@dataclass
class Setup:
    """What a project's conftest.py may say before its application is imported (`pytest_guarita_attack`)."""

    app: Any
    """MODULE:ATTRIBUTE, or the application itself."""
    folder: Path
    """Where pytest was started."""
    policy: Path | None = None
    """A guarita.yaml, where the application has no gateway of ours in it."""
    values: dict[str, str] = field(default_factory=dict)
    """Values for parameters of paths, by name."""
    bodies: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """Media type and body, by `POST /docs/{id}`."""
    skip: dict[str, str] = field(default_factory=dict)
    """Attacks that are not made, by name, each with its reason."""
    token_type: str = "at+jwt"  # noqa: S105  # no password
    """`typ` of the tokens that `issuer` mints."""
    role_claim: str | list[str] = "roles"
    """Where `issuer` puts roles."""
    holders: list[Holder] = field(default_factory=list)
    _issuer: LocalIssuer | None = None

    @property
    def issuer(self) -> LocalIssuer:
        """An issuer for an application that verifies tokens by itself: point it at `issuer.issuer`, `.jwks_uri`."""
        if self._issuer is None:
            self._issuer = LocalIssuer()
            self._issuer.__enter__()
        return self._issuer

    def credential(self, name: str, principal: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        """Somebody with a credential that cannot be made here, such as a session's cookie.

        `principal` is written as in policy tests: subject, issuer, scopes, roles, claims.
        """
        who = msgspec.convert(principal, PrincipalData)
        self.holders.append(Holder(name, who, tuple(headers.items())))

    def close(self) -> None:
        """Stop the issuer."""
        if self._issuer is not None:
            self._issuer.close()


@dataclass(frozen=True, slots=True)
class Unaimed:
    """A target that the policy opens to somebody, and the application to nobody: attacks on it would prove nothing."""

    target: Target
    tried: tuple[tuple[Holder, Answer], ...]

    def __str__(self) -> str:
        rows = [f"{self.target}: nobody could be let through, so that refusals prove nothing"]
        for holder, answer in self.tried:
            what = answer.error or f"status {answer.status}"
            rows.append(f"  {holder.name}, whom the policy lets through: {what}")
        if any(answer.status == _UNPROCESSABLE for _, answer in self.tried):
            rows.append("  the request lacks something: give `values` or `bodies` in pytest_guarita_attack")
        else:
            rows.append(
                "  mend the policy or the application, or give a `credential` in pytest_guarita_attack"
            )
        return "\n".join(rows)


_UNPROCESSABLE: Final = 422


class World:
    """`with World(setup) as world:` … `world.attacks(target)`, `world.run(target, attack)`."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._open = ExitStack()
        self.wallet: Wallet
        self.policy: AccessPolicy
        self.targets: tuple[Target, ...] = ()
        self._aims: dict[Target, Aim | Unaimed] = {}
        self._driver: Driver

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            opening.callback(self._setup.close)
            evil = opening.enter_context(LocalIssuer())
            self.wallet = Wallet(evil)
            opening.callback(self.wallet.close)
            folder = Path(opening.enter_context(tempfile.TemporaryDirectory(prefix="guarita-attack-")))
            self._prepare(folder)
            self._driver = opening.enter_context(Driver(self._app))
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def count(self) -> int:
        """Requests that were sent."""
        return self._driver.count

    def aim(self, target: Target) -> Aim | Unaimed:
        """Everything for attacks on a target, after somebody right was let through."""
        if target not in self._aims:
            self._aims[target] = self._aimed(target)
        return self._aims[target]

    def attacks(self, target: Target) -> list[Attack]:
        """Those that have something to try there."""
        aim = self.aim(target)
        if isinstance(aim, Unaimed):
            return []
        return [attack for attack in ATTACKS.values() if attack.fits(aim)]

    def summary(self) -> Iterator[str]:
        """How much was attacked, and what was not."""
        aims = [self.aim(target) for target in self.targets]
        aimed = [aim for aim in aims if isinstance(aim, Aim)]
        public = [a for a in aimed if self.policy.decide(NOBODY, a.target.method, a.target.path).allowed]
        yield f"{len(aims)} endpoints, {len(ATTACKS)} kinds of attack, {self.count:,} requests"
        for name, found in (
            ("open to anybody by the policy", public),
            ("open to nobody by the policy", [a for a in aimed if a.right is None and a not in public]),
            ("not attacked, since nobody came through", [a for a in aims if isinstance(a, Unaimed)]),
            ("without a gateway before it", [a for a in aims if not a.target.guarded]),
        ):
            if found:
                yield f"{name}: {', '.join(str(aim.target) for aim in found)}"

    def run(self, target: Target, attack: Attack) -> list[Finding]:
        """Make an attack. Of findings that come to the same the first is told, and how many more there are."""
        aim = self.aim(target)
        assert isinstance(aim, Aim)  # noqa: S101  # `attacks` gave it
        found: dict[str, Finding] = {}
        before = self.wallet.evil.requests.total()
        for attempt in attack.attempts(aim):
            answer = self._driver.send(attempt.sent)
            for finding in findings(aim, attack, attempt, answer):
                first = found.setdefault(finding.why, finding)
                if first is not finding:
                    found[finding.why] = replace(first, more=first.more + 1)
        if self.wallet.evil.requests.total() > before:
            why = "the application asked an address that the token named"
            found[why] = Finding(
                str(target), attack.name, "a token that names an address", "", "", why, attack.advice
            )
        return list(found.values())

    def _prepare(self, folder: Path) -> None:
        app = self._setup.app
        if isinstance(app, str):
            app = imported(app, self._setup.folder)
        _must_be_asgi(app)
        seen = list(answering(app))
        found = gateways(app)
        for gateway in found:
            adopt(gateway, self.wallet, folder)
        self.policy = self._policy(found)
        self._own_issuer()
        schema = Schema(app)
        known = [one for one in seen if probed(one)]
        self._app = app if len(known) == len(seen) else _around(app)
        listed = known if len(known) == len(seen) else [*known, *self._of_the_policy(layers(app))]
        self.targets = tuple(dict.fromkeys(self._target(one, schema) for one in listed))
        if not self.targets:
            raise UsageError("attack.routes", f"{self._setup.app} has no routes, and the policy names none")

    def _policy(self, found: list[Gateway]) -> AccessPolicy:
        file = self._setup.policy
        if file is None:
            for gateway in found:
                if isinstance(gateway.policy, AccessPolicy):
                    return gateway.policy
            file = self._setup.folder / config.FILE_NAME
            if not file.exists():
                raise UsageError(
                    "attack.policy",
                    f"{self._setup.app} has no gateway, and there is no {file}: nothing says who may call what",
                    hint="write gateway.access there, or name a file by --guarita-attack-policy",
                )
        return load(file)

    def _own_issuer(self) -> None:
        """The issuer for an application that verifies tokens by itself."""
        setup = self._setup
        if setup._issuer is not None:  # noqa: SLF001  # whether anybody asked for it
            issuer = setup.issuer
            self.wallet.mints[issuer.issuer] = Mint(
                issuer.issuer, issuer.audience, issuer.keys[-1], frozenset({setup.token_type.lower()}),
                steps(setup.role_claim),
            )  # fmt: skip

    def _of_the_policy(self, way: tuple[Any, ...]) -> Iterable[Answering]:
        """Endpoints of an application that says nothing of its own: what the policy has rules for."""
        for rule in self.policy.routes.rules:
            path = rule.template.text.replace("...}", ":path}")
            for method in rule.methods:
                yield Answering(Endpoint(method, path), None, way=way)

    def _target(self, found: Answering, schema: Schema) -> Target:
        method, template = found.endpoint.method, found.endpoint.path
        method = "GET" if method == "*" else method
        operation = schema.operation(method, template)
        values = values_for(template, operation, schema, self._setup.values)
        sent = plain(method, filled(template, values), operation, schema, socket=found.socket)
        given = self._setup.bodies.get(f"{method} {template}")
        if given is not None:
            kept = tuple(one for one in sent.headers if one[0] not in {"content-type", "content-length"})
            headers: tuple[Header, ...] = (("content-type", given[0]), ("content-length", str(len(given[1]))))
            sent = replace(sent, headers=(*kept, *headers), body=given[1])
        guarded = bool(before(found))
        return Target(method, template, _Frozen(values), sent, guarded=guarded, socket=found.socket)

    def _aimed(self, target: Target) -> Aim | Unaimed:
        everybody = (
            *self._setup.holders,
            *holders(self.policy, self.wallet.issuers, self.targets),
        )
        may = [one for one in everybody if allowed(self.policy, one, target) and self._had(one, target)]
        lows = tuple(
            one for one in everybody if not allowed(self.policy, one, target) and self._had(one, target)
        )
        tried: list[tuple[Holder, Answer]] = []
        open_to_all = self.policy.decide(NOBODY, target.method, target.path).allowed
        for holder in may[:_TRIED]:
            mine = replace(holder, principal=owning(self.policy, holder.principal, target))
            sent = target.plain.with_headers(*self.wallet.headers(mine, target))
            answer = self._driver.send(sent)
            if came_through(answer, socket=target.socket):
                again = self._driver.send(target.plain.with_headers(*self.wallet.headers(mine, target)))
                steady = (answer.status, answer.body) == (again.status, again.body)
                return Aim(target, self.policy, self.wallet, mine, answer, steady, lows, self.targets)
            tried.append((holder, answer))
        if tried and not open_to_all:
            return Unaimed(target, tuple(tried))
        return Aim(target, self.policy, self.wallet, None, None, False, lows, self.targets)

    def _had(self, holder: Holder, target: Target) -> bool:
        return bool(self.wallet.headers(holder, target))


class _Frozen(dict[str, str]):
    """Values that may be a part of a key."""

    def __hash__(self) -> int:  # type: ignore[override]  # never changed after it was made
        return hash(tuple(sorted(self.items())))


def _around(app: Any) -> Any:
    """The application with a probe at its innermost part, of which nobody knows what it answers."""
    *outer, inner = layers(app)
    name = getattr(inner, "__name__", None) or type(inner).__name__
    probe = Probe(inner, name, counts=True)
    if not outer:
        return probe
    outer[-1].app = probe
    return app


def _must_be_asgi(app: Any) -> None:
    """Raise UsageError for what is no ASGI application."""
    try:
        inspect.signature(app).bind(None, None, None)
    except (TypeError, ValueError) as error:
        raise UsageError(
            "attack.app", f"{app!r} is no ASGI application", hint="MODULE:ATTRIBUTE, or MODULE:FACTORY()"
        ) from error
