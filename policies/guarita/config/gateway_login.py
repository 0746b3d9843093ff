"""`gateway.login` in guarita.yaml: where people log in, and how long that lasts."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from guarita.config.gateway_access import ClaimPath, Text
from guarita.config.gateway_limits import Bound
from guarita.config.gateway_tokens import AlgorithmName, KeysSection, Leeway, Url
from guarita.config.section import Section
from guarita.config.sinks import SecretSource

Origin = Annotated[
    str,
    Meta(pattern=r"^https?://[^/\s#?@]+$", max_length=512, description="https://HOST, as browsers name it."),
]
_OURS: Final = frozenset(
    {"client_id", "code_challenge", "code_challenge_method", "max_age", "nonce", "redirect_uri", "request",
     "request_uri", "response_mode", "response_type", "scope", "state", "uri"}
)  # fmt: skip
_PLACE: Final = re.compile(r"/[A-Za-z0-9._~!$&'()*+,=:@/?-]*")


class ClientSection(Section, frozen=True, kw_only=True):
    """Who we are to an issuer: a client that was registered there."""

    id: Text
    secret: SecretSource | None = None
    key: (
        Annotated[
            SecretSource, Meta(description="A PEM, instead of a secret: assertions are signed (RFC 7523).")
        ]
        | None
    ) = None
    key_id: Annotated[Text, Meta(description="The key's `kid` in the set that the issuer knows.")] | None = (
        None
    )
    key_algorithm: (
        Annotated[AlgorithmName, Meta(description="[default: RS256, ES256, EdDSA, by the key]")] | None
    ) = None
    auth: (
        Annotated[
            Literal["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
            Meta(description="[default: client_secret_basic, or private_key_jwt with a key]"),
        ]
        | None
    ) = None

    def __post_init__(self) -> None:
        if self.secret is not None and self.key is not None:
            raise ValueError("a client has a `secret` or a `key`")
        wanted = {"none": (False, False), "private_key_jwt": (False, True)}.get(self.method, (True, False))
        if (self.secret is not None, self.key is not None) != wanted:
            raise ValueError(f"`auth: {self.method}` does not go with what the client has")
        if self.key is None and (self.key_id is not None or self.key_algorithm is not None):
            raise ValueError("`key_id` and `key_algorithm` go with a `key`")

    @property
    def method(self) -> Literal["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]:
        """How the client says who it is."""
        if self.auth is not None:
            return self.auth
        if self.key is not None:
            return "private_key_jwt"
        return "none" if self.secret is None else "client_secret_basic"


class SessionSection(Section, frozen=True, kw_only=True):
    """Sessions: where they are kept, and how long they last."""

    store: Annotated[
        Literal["memory", "redis"],
        Meta(description="`memory`: of one process, and gone with it. `redis`: shared, by `gateway.redis`."),
    ] = "memory"
    keys: Annotated[
        list[SecretSource],
        Meta(
            max_length=8,
            description="Of at least 32 characters. The first seals, each of them opens; needed for redis. "
            "[memory: a random one of the process]",
        ),
    ] = msgspec.field(default_factory=list)
    idle_seconds: Annotated[
        int, Meta(ge=30, le=2_592_000, description="Without a request for so long a session is over.")
    ] = 1_800
    lifetime_seconds: Annotated[
        int, Meta(ge=60, le=7_776_000, description="After so long it is over in any case.")
    ] = 43_200
    outage_seconds: Annotated[
        float,
        Meta(
            ge=0, le=86_400, description="So long it counts unconfirmed while the provider is out of reach."
        ),
    ] = 300
    origins: Annotated[
        list[Origin],
        Meta(description="Other sites whose scripts may use a session. Not for those that others write on."),
    ] = msgspec.field(default_factory=list)
    max_sessions: Annotated[
        int, Meta(ge=1, le=10_000_000, description="In memory; the stalest makes way.")
    ] = 100_000
    timeout_seconds: Bound = 1.0

    def __post_init__(self) -> None:
        if self.idle_seconds > self.lifetime_seconds:
            raise ValueError("`idle_seconds` is more than `lifetime_seconds`")
        if self.store == "redis" and not self.keys:
            raise ValueError("`store: redis` needs `keys`: what stands in Redis is sealed")


class LoginSection(Section, frozen=True, kw_only=True):
    """Logging in at an OpenID provider, by a code with PKCE, into a session that is kept here."""

    issuer: Annotated[Url, Meta(description="The provider's identifier, letter by letter as in `iss`.")]
    client: ClientSection
    url: Annotated[Origin, Meta(description="Where browsers find us.")]
    path: Annotated[
        str,
        Meta(pattern=r"^(/[A-Za-z0-9_-]+)+$", max_length=128, description="Our endpoints stand below it."),
    ] = "/_guarita/login"
    scopes: Annotated[
        list[Annotated[str, Meta(pattern=r"^[!#-\[\]-~]{1,256}$")]],
        Meta(
            description="`offline_access` for a refresh token, where the provider wants to be asked for one."
        ),
    ] = msgspec.field(default_factory=lambda: ["openid"])
    parameters: Annotated[
        dict[Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,63}$")], Text],
        Meta(description="More for the authorization request, such as `prompt` or `audience`."),
    ] = msgspec.field(default_factory=dict)
    max_age: (
        Annotated[int, Meta(ge=0, le=31_536_000, description="Seconds that an authentication may be old.")]
        | None
    ) = None
    algorithms: Annotated[list[AlgorithmName], Meta(min_length=1)] = msgspec.field(
        default_factory=lambda: ["RS256", "PS256", "ES256", "EdDSA"]
    )
    keys: KeysSection = KeysSection()
    leeway: Leeway = 30
    roles: (
        Annotated[ClaimPath, Meta(description="The claim of the ID token with role names. [none]")] | None
    ) = None
    logout_types: Annotated[
        list[Annotated[str, Meta(pattern=r"^([a-z0-9][a-z0-9+.-]{0,62})?$")]],
        Meta(min_length=1, description="`typ` of a logout token; `jwt` for providers that say only that."),
    ] = msgspec.field(default_factory=lambda: ["logout+jwt"])
    after_logout: Annotated[str, Meta(description="A path of ours, registered at the provider.")] = "/"
    session: SessionSection = SessionSection()
    timeout: Annotated[float, Meta(ge=0.1, le=60, description="Seconds that the provider may take.")] = 5
    ca_file: Text | None = None
    insecure_loopback: Annotated[
        bool, Meta(description="Take a provider and a `url` of http:// on this machine.")
    ] = False

    def __post_init__(self) -> None:
        if "openid" not in self.scopes:
            raise ValueError("`scopes` lacks `openid`: without it nobody is told who logs in")
        if not _OURS.isdisjoint(self.parameters):
            raise ValueError(
                f"`parameters` holds what is ours to say: {', '.join(sorted(_OURS & set(self.parameters)))}"
            )
        if not _PLACE.fullmatch(self.after_logout) or self.after_logout.startswith("//"):
            raise ValueError("`after_logout` is a path that begins with one slash")
        for origin in (self.url, *self.session.origins):
            check_origin(origin, insecure_loopback=self.insecure_loopback)


def check_origin(text: str, *, insecure_loopback: bool) -> None:
    """Raise ValueError unless it is an origin as browsers write it (RFC 6454 section 6.2), by TLS or on this machine."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{text!r} is no origin that can be read") from error
    if parts.scheme == "http" and not (insecure_loopback and host in {"localhost", "127.0.0.1", "::1"}):
        raise ValueError(
            f"{text!r}: expected https://; http:// only on loopback, with `insecure_loopback: true`"
        )
    if text != text.lower() or port in {{"https": 443, "http": 80}[parts.scheme], 0}:
        raise ValueError(f"{text!r}: browsers write it in small letters, without the scheme's own port")


__all__ = ["ClientSection", "LoginSection", "SessionSection"]
