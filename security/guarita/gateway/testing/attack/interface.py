"""What an attack is made of: an aim, requests with whom they count as, and what is said where one was let through."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from guarita.policy.access import PrincipalData

if TYPE_CHECKING:
    from guarita.gateway.testing.attack.wallet import Wallet
    from guarita.policy.access import AccessPolicy

Header = tuple[str, str]
PEER = "203.0.113.7"
"""Whose requests these are: an address for documentation (RFC 5737), which is nobody's proxy."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One request, exactly as it goes out."""

    method: str
    target: str
    """Path and query as on the wire: ASCII."""
    headers: tuple[Header, ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    socket: bool = False
    client: str = PEER

    def with_headers(self, *headers: Header) -> Sent:
        """The same with further headers."""
        return replace(self, headers=(*self.headers, *headers))


@dataclass(frozen=True, slots=True)
class Reached:
    """A place in the application that a request came to."""

    name: str
    """Of the handler, as the application calls it."""
    method: str
    path: str
    """As the application reads them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    """For a socket 101 when it was accepted, and 403 when it was closed before."""
    body: bytes = field(default=b"", repr=False)
    reached: tuple[Reached, ...] = ()
    error: str = ""
    """The exception that left the application, with its place."""
    hung: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """One endpoint of the application, with a request that means it."""

    method: str
    template: str
    """As the application writes it: `/docs/{id:int}`."""
    values: Mapping[str, str]
    """Of the parameters of its path."""
    plain: Sent = field(repr=False)
    """A request that lacks nothing but a credential."""
    guarded: bool
    """Whether a gateway stands before it, as far as that can be seen."""
    socket: bool = False

    @property
    def path(self) -> str:
        """Its path, without a query."""
        return self.plain.target.partition("?")[0]

    def __str__(self) -> str:
        return f"{'WEBSOCKET' if self.socket else self.method} {self.template}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request of an attack."""

    sent: Sent
    told: str
    """What is wrong with it, in words and without the credential."""
    counts_as: PrincipalData | None = None
    """Whom the policy must take it for; None is nobody."""
    undecided: bool = False
    """Whether 503 is a right answer too: where what decides is made to say nothing that can be read."""
    canary: str = ""
    """What must not come back in the answer, nor make it another one than without it."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody with a credential."""

    name: str
    """As reports call him: `the role reader`."""
    principal: PrincipalData
    given: tuple[Header, ...] = field(default=(), repr=False)
    """His credential, where the project's own tests gave it."""


@dataclass(frozen=True, slots=True)
class Aim:
    """A target, and everything that an attack on it may need."""

    target: Target
    policy: AccessPolicy
    wallet: Wallet
    right: Holder | None
    """Somebody whom the policy lets through, and the application too."""
    answer: Answer | None
    """What he is answered."""
    steady: bool
    """Whether he is answered the same when he asks again."""
    lows: tuple[Holder, ...]
    """Those whom the policy lets through elsewhere, and not here."""
    others: tuple[Target, ...]
    """Every target, this one among them."""

    def sent(self, *headers: Header) -> Sent:
        """The plain request with these headers."""
        return self.target.plain.with_headers(*headers)

    def as_right(self) -> tuple[Header, ...]:
        """The right credential, made for this request."""
        return () if self.right is None else self.wallet.headers(self.right, self.target)

    def low(self) -> Iterator[Holder]:
        """One of the low ones, if there is one: enough where what is attacked is not the policy."""
        yield from self.lows[:1]


@dataclass(frozen=True, slots=True)
class Attack:
    """One kind of attack."""

    name: str
    """`token.audience`"""
    what: str
    """What it tries, in a sentence for the page that lists them."""
    advice: str
    """What to do where it works."""
    attempts: Callable[[Aim], Iterator[Attempt]] = field(repr=False)
    fits: Callable[[Aim], bool] = field(repr=False)


ATTACKS: dict[str, Attack] = {}
"""Every attack, by name."""


def attack(
    name: str, what: str, *, do: str, fits: Callable[[Aim], bool] = lambda _: True
) -> Callable[[Callable[[Aim], Iterator[Attempt]]], Callable[[Aim], Iterator[Attempt]]]:
    """Register a function that makes the attempts of an attack. `fits` says at which aims there is something to try."""

    def register(attempts: Callable[[Aim], Iterator[Attempt]]) -> Callable[[Aim], Iterator[Attempt]]:
        ATTACKS[name] = Attack(name, what, do, attempts, fits)
        return attempts

    return register
