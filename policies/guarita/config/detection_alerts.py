"""Who hears of what, and by which way: the types of `detection.alerts` in guarita.yaml."""

from __future__ import annotations

import graphlib
from fnmatch import fnmatchcase
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from guarita.config.section import Section
from guarita.config.sinks import NonEmpty, SecretSource, check_plaintext, check_url

LevelName = Literal["info", "low", "medium", "high", "critical"]
LEVELS: Final[tuple[LevelName, ...]] = ("info", "low", "medium", "high", "critical")
"""From least to worst."""
LOG: Final = "log"
"""The channel that is always there: what goes to it is written to the ledger and counted, and sent nowhere."""

Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Seconds = Annotated[float, Meta(gt=0, le=366 * 86_400)]
Address = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}$", description="A mail address."
    ),
]
HostName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9.-]{1,253}$")]
LabelName = Annotated[str, Meta(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,63}$")]
GroupBy = Annotated[
    str,
    Meta(
        pattern=r"^(rule|level|group|group\.[A-Za-z0-9_.-]{1,64})$",
        description="rule, level, group, group.FIELD.",
    ),
]


class BaseChannel(Section, frozen=True, kw_only=True, tag_field="type"):
    """What every channel has."""

    timeout: Annotated[float, Meta(gt=0, le=120, description="Seconds for the whole of one attempt.")] = 10.0
    resolved: Annotated[
        bool, Meta(description="Say when it is over. Of a critical alert that is always said.")
    ] = True


class HttpChannel(BaseChannel, frozen=True, kw_only=True):
    """What channels over HTTP have beside."""

    ca_file: NonEmpty | None = None
    proxy: (
        Annotated[NonEmpty, Meta(description="The address of a proxy. The environment's are not used.")]
        | None
    ) = None

    def __post_init__(self) -> None:
        if self.proxy is not None:
            check_url(self.proxy)


class AlertmanagerChannel(HttpChannel, frozen=True, kw_only=True, tag="alertmanager"):
    """Prometheus' Alertmanager, by its API v2."""

    url: Annotated[NonEmpty, Meta(description="http://HOST:9093, with the route prefix if it has one.")]
    authorization: (
        Annotated[SecretSource, Meta(description="The whole value of that header, such as `Bearer …`.")]
        | None
    ) = None
    labels: Annotated[dict[LabelName, str], Meta(description="Put on every alert.")] = msgspec.field(
        default_factory=dict
    )
    resend: Annotated[
        float, Meta(ge=1, le=3600, description="Seconds between two sendings of an alert that lasts.")
    ] = 60.0
    plaintext: Annotated[bool, Meta(description="Send credentials over http:// all the same.")] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_url(self.url)
        check_plaintext(self.url, self.plaintext or self.authorization is None)


class PagerDutyChannel(HttpChannel, frozen=True, kw_only=True, tag="pagerduty"):
    """PagerDuty's Events API v2."""

    routing_key: Annotated[SecretSource, Meta(description="The integration key of the service.")]
    url: NonEmpty = "https://events.pagerduty.com/v2/enqueue"
    source: Annotated[NonEmpty, Meta(description="What PagerDuty shows as the source.")] = "guarita"
    plaintext: Annotated[bool, Meta(description="Send the key over http:// all the same.")] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_url(self.url)
        check_plaintext(self.url, self.plaintext)


class SmtpChannel(BaseChannel, frozen=True, kw_only=True, tag="smtp"):
    """Mail."""

    host: HostName
    port: Annotated[int, Meta(ge=1, le=65_535)] = 587
    tls: Annotated[
        Literal["starttls", "implicit", "none"],
        Meta(
            description="starttls: refuse to go on without. implicit: from the first byte. none: in the clear."
        ),
    ] = "starttls"
    ca_file: NonEmpty | None = None
    username: NonEmpty | None = None
    password: SecretSource | None = None
    sender: Address
    to: Annotated[list[Address], Meta(min_length=1)]

    def __post_init__(self) -> None:
        if (self.username is None) != (self.password is None):
            raise ValueError("`username` and `password` go together")
        if self.username is not None and self.tls == "none":
            raise ValueError("a password goes over no connection without TLS")


class SlackChannel(HttpChannel, frozen=True, kw_only=True, tag="slack"):
    """An incoming webhook of Slack, or of what speaks like it (Mattermost, Rocket.Chat)."""

    url: Annotated[SecretSource, Meta(description="Its whole address, which is a secret.")]
    host: Annotated[HostName, Meta(description="The only host that this address may name.")] = (
        "hooks.slack.com"
    )
    plaintext: Annotated[bool, Meta(description="Accept an address of http://.")] = False


class WebhookChannel(HttpChannel, frozen=True, kw_only=True, tag="webhook"):
    """JSON to a service of one's own, signed by the Standard Webhooks specification."""

    url: NonEmpty
    secrets: Annotated[
        list[SecretSource],
        Meta(min_length=1, max_length=4, description="`whsec_…`. Several while one is replaced: each signs."),
    ]

    def __post_init__(self) -> None:
        super().__post_init__()
        check_url(self.url)


class AppriseChannel(BaseChannel, frozen=True, kw_only=True, tag="apprise"):
    """One of the many services that Apprise knows (extra `alerts-apprise`)."""

    url: Annotated[SecretSource, Meta(description="Apprise's address of the service, which is a secret.")]
    scheme: Annotated[
        str, Meta(pattern=r"^[a-z0-9]{2,20}$", description="The only scheme that this address may have.")
    ]


ChannelSection = (
    AlertmanagerChannel | PagerDutyChannel | SmtpChannel | SlackChannel | WebhookChannel | AppriseChannel
)


class RouteSection(Section, frozen=True, kw_only=True):
    """Which alerts go where, and how often. The first route that fits an alert has it."""

    name: Name
    levels: Annotated[
        list[LevelName], Meta(description="[default: none: it is only reached by escalation]")
    ] = msgspec.field(default_factory=list)
    rules: Annotated[
        list[NonEmpty], Meta(description="Names of rules, with * and ?. [default: every rule]")
    ] = msgspec.field(default_factory=list)
    tags: Annotated[
        list[NonEmpty], Meta(description="One of them, with * and ?, must be on the rule. [default: any]")
    ] = msgspec.field(default_factory=list)
    channels: Annotated[list[Name], Meta(min_length=1, description="Names of `channels`, or log.")]
    group_by: Annotated[
        list[GroupBy], Meta(min_length=1, description="What alerts have in common that are told together.")
    ] = msgspec.field(default_factory=lambda: ["rule", "group"])
    group_wait: Annotated[
        float, Meta(ge=0, le=86_400, description="Seconds that the first of them waits for others.")
    ] = 10.0
    group_interval: Annotated[Seconds, Meta(description="Seconds until further ones are told.")] = 300.0
    repeat_interval: Annotated[
        Seconds, Meta(description="Seconds until it is told again, while it lasts and nobody acknowledged.")
    ] = 4 * 3600.0
    resolve_after: Annotated[
        Seconds, Meta(description="Seconds without a detection after which it is over.")
    ] = 3600.0
    escalate_after: (
        Annotated[Seconds, Meta(description="Seconds without acknowledgement until `escalate_to` is told.")]
        | None
    ) = None
    escalate_to: Annotated[Name, Meta(description="A route.")] | None = None

    def __post_init__(self) -> None:
        if (self.escalate_after is None) != (self.escalate_to is None):
            raise ValueError(f"{self.name}: `escalate_after` and `escalate_to` go together")
        if self.resolve_after <= max(self.group_wait, self.group_interval):
            raise ValueError(
                f"{self.name}: `resolve_after` must be longer than `group_wait` and `group_interval`: "
                "an alert would be over before it is told"
            )

    def fits(self, level: str, rule: str, tags: list[str]) -> bool:
        """Whether an alert of this level and rule goes here."""
        return (
            level in self.levels
            and (not self.rules or any(fnmatchcase(rule, one) for one in self.rules))
            and (not self.tags or any(fnmatchcase(tag, one) for tag in tags for one in self.tags))
        )


class DeadlinesSection(Section, frozen=True, kw_only=True):
    """Seconds from an event until a channel must have taken its alert, by level. null: no limit."""

    critical: Seconds | None = 300.0
    high: Seconds | None = 1800.0
    medium: Seconds | None = 1800.0
    low: Seconds | None = None
    info: Seconds | None = None


class AlertsSection(Section, frozen=True, kw_only=True):
    """Alerts: what was detected reaches the right person in time."""

    channels: dict[Name, ChannelSection] = msgspec.field(default_factory=dict)
    routes: Annotated[list[RouteSection], Meta(min_length=1)]
    deadlines: DeadlinesSection = DeadlinesSection()
    fallback: (
        Annotated[Name, Meta(description="The channel that hears of alerts which another one does not take.")]
        | None
    ) = None
    failed_after: Annotated[
        Seconds,
        Meta(description="Seconds that a channel may fail until the fallback and the ledger hear of it."),
    ] = 120.0
    give_up_after: Annotated[Seconds, Meta(description="Seconds after which a channel is tried no more.")] = (
        86_400.0
    )
    flood: Annotated[
        int,
        Meta(ge=1, le=10_000, description="Open incidents of one rule on a route; further alerts share one."),
    ] = 20
    keep_days: Annotated[float, Meta(gt=0, le=3650, description="How long what is over can be listed.")] = (
        30.0
    )

    def __post_init__(self) -> None:
        self._check_names()
        self._check_levels()
        try:
            graphlib.TopologicalSorter(
                {route.name: [route.escalate_to] for route in self.routes if route.escalate_to}
            ).prepare()
        except graphlib.CycleError as error:
            raise ValueError(f"`escalate_to` goes in a circle: {', '.join(error.args[1])}") from error
        if self.give_up_after < self.failed_after:
            raise ValueError("`give_up_after` is shorter than `failed_after`")

    def _check_names(self) -> None:
        names = [route.name for route in self.routes]
        known = {*self.channels, LOG}
        if LOG in self.channels:
            raise ValueError(f"the channel {LOG} is always there: give yours another name")
        if self.fallback is not None and self.fallback not in self.channels:
            raise ValueError(f"`fallback` names {self.fallback!r}, and there is no such channel")
        for route in self.routes:
            if names.count(route.name) > 1:
                raise ValueError(f"two routes are called {route.name!r}")
            for channel in route.channels:
                if channel not in known:
                    raise ValueError(
                        f"the route {route.name} names {channel!r}, and there is no such channel"
                    )
            if route.escalate_to is not None and route.escalate_to not in names:
                raise ValueError(f"the route {route.name} escalates to {route.escalate_to!r}, which is none")
            if not route.levels and route.name not in {one.escalate_to for one in self.routes}:
                raise ValueError(f"the route {route.name} has no `levels`, and none escalates to it")

    def _check_levels(self) -> None:
        for level in LEVELS:
            covering = [route for route in self.routes if level in route.levels]
            if not any(not route.rules and not route.tags for route in covering):
                raise ValueError(
                    f"no route has every alert of level {level}: name it in the `levels` of one without "
                    "`rules` and `tags`"
                )
            deadline = getattr(self.deadlines, level)
            for route in covering:
                if deadline is not None and route.group_wait >= deadline:
                    raise ValueError(
                        f"the route {route.name} waits {route.group_wait:g} s, and an alert of level {level} "
                        f"must have arrived in {deadline:g} s"
                    )


def check_webhook_url(url: str, host: str, *, plaintext: bool) -> None:
    """Raise ValueError unless the address is https and of this host. It is a secret, and not quoted."""
    parts = urlsplit(url)
    check_url(url)
    check_plaintext(url, plaintext)
    if parts.hostname != host.lower():
        raise ValueError(f"its host is not {host}, which guarita.yaml declares")
