"""docs/gateway-login.md against the code: settings, codes, endpoints, and an example that works."""

import ast
import importlib
import re
from pathlib import Path

import msgspec
import pytest

from guarita.config import parse
from guarita.config.gateway_login import LoginSection, SessionSection
from guarita.errors import UsageError
from guarita.gateway.login.build import login_parts

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "gateway-login.md").read_text()
CODE = re.compile(r"(session|login|logout)\.[a-z]+(-[a-z]+)*")


def raised():
    """Each code with the status that it is answered with."""
    for path in sorted((ROOT / "security/guarita/gateway/login").glob("*.py")):
        module = importlib.import_module(f"guarita.gateway.login.{path.stem}".removesuffix(".__init__"))
        for outer in ast.parse(path.read_text()).body:
            for call in ast.walk(outer):
                if (
                    not isinstance(call, ast.Call)
                    or not call.args
                    or not isinstance(call.args[0], ast.Constant)
                ):
                    continue
                code = call.args[0].value
                if not isinstance(code, str) or not CODE.fullmatch(code):
                    continue
                if isinstance(call.func, ast.Attribute) and call.func.attr == "__init__":
                    kind = getattr(module, outer.name)
                else:
                    kind = getattr(module, call.func.id)
                yield code, str(getattr(kind, "status", "start"))


def section(title):
    return re.search(rf"^## {title}$(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE).group(1)


def rows(title):
    return re.findall(r"^\| `([^`]+)` \|([^|]*)\|", section(title), re.MULTILINE)


def test_every_code_is_documented_with_its_status_and_none_besides():
    made = set(raised())
    made |= {(code, "400") for code in ("login.callback", "logout.form")}  # passed on to whoever reads forms
    assert {(code, status.strip()) for code, status in rows("Codes")} == made
    assert len(made) > 18


@pytest.mark.parametrize(
    ("title", "kind", "elsewhere"),
    [
        ("Settings of `login`", LoginSection, set()),
        ("How long it lasts", SessionSection, {"store", "keys", "origins"}),
    ],
)
def test_every_setting_is_documented_with_its_default(title, kind, elsewhere):
    documented = dict(rows(title))
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    assert set(documented) | elsewhere == set(fields)
    for name, text in documented.items():
        default = fields[name].default
        if fields[name].default_factory is not msgspec.NODEFAULT:
            default = fields[name].default_factory()
        said = text.strip().strip("`")
        if said in {"", "[openid]", "[logout+jwt]"}:
            assert default in (msgspec.NODEFAULT, None, {}, ["openid"], ["logout+jwt"]) or isinstance(
                default, msgspec.Struct
            )
        else:
            shown = ", ".join(default) if isinstance(default, list) else str(default)
            assert shown.removesuffix(".0").lower() == said.lower()


def test_the_example_is_a_configuration_and_its_endpoints_are_there(tmp_path, monkeypatch):
    monkeypatch.setenv("LOGIN_SECRET", "of the tests")
    monkeypatch.setenv("SESSION_KEY", "k" * 32)
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL).group(1)
    said = parse(example.encode(), "guarita.yaml").gateway
    parts = login_parts(said.login, said.redis, tmp_path)
    assert parts.provider.redirect_uri in PAGE
    endpoints = parts.endpoints(None)
    documented = re.findall(r"^\| `(\w+) …(/\w+)", section("Endpoints"), re.MULTILINE)
    assert {(said.login.path + path, method) for method, path in documented} == {
        (path, route[0]) for path, route in endpoints._routes.items()
    }
    with pytest.raises(UsageError) as caught:
        login_parts(said.login, None, tmp_path)
    assert caught.value.code == "session.redis"
    monkeypatch.setenv("SESSION_KEY", "short")
    with pytest.raises(UsageError, match="at least 32 bytes"):
        login_parts(said.login, said.redis, tmp_path)


BASE = {
    "issuer": "https://id.example",
    "client": {"id": "x", "secret": {"env": "X"}},
    "url": "https://portal.example",
}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"url": "http://portal.example"}, "expected https://"),
        ({"url": "https://portal.example:443"}, "without the scheme's own port"),
        ({"url": "https://Portal.example"}, "small letters"),
        ({"url": "https://portal.example/"}, "url"),
        ({"url": "https://u:p@portal.example"}, "url"),
        ({"url": "https://[::1"}, "no origin"),
        ({"scopes": ["profile"]}, "openid"),
        ({"parameters": {"redirect_uri": "https://evil.example"}}, "ours to say"),
        ({"after_logout": "//evil.example"}, "one slash"),
        ({"after_logout": "https://evil.example"}, "one slash"),
        ({"client": {"id": "x", "auth": "client_secret_post"}}, "does not go with"),
        ({"client": {"id": "x", "secret": {"env": "X"}, "key": {"env": "Y"}}}, "a `secret` or a `key`"),
        ({"client": {"id": "x", "secret": {"env": "X"}, "auth": "none"}}, "does not go with"),
        ({"client": {"id": "x", "secret": {"env": "X"}, "key_id": "k"}}, "go with a `key`"),
        ({"session": {"store": "redis"}}, "needs `keys`"),
        ({"session": {"idle_seconds": 100, "lifetime_seconds": 90}}, "more than `lifetime_seconds`"),
        ({"session": {"origins": ["http://app.example"]}}, "expected https://"),
        ({"path": "/a/../b"}, "path"),
        ({"algorithms": ["HS256"]}, "algorithms"),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_at_the_start(changes, reason):
    with pytest.raises(msgspec.ValidationError, match=re.escape(reason)):
        msgspec.convert(BASE | changes, LoginSection)


@pytest.mark.parametrize(
    ("client", "method"),
    [
        ({"id": "x"}, "none"),
        ({"id": "x", "secret": {"env": "X"}}, "client_secret_basic"),
        ({"id": "x", "key": {"file": "x.pem"}, "key_id": "1"}, "private_key_jwt"),
    ],
)
def test_how_a_client_says_who_it_is(client, method):
    assert msgspec.convert(BASE | {"client": client}, LoginSection).client.method == method
