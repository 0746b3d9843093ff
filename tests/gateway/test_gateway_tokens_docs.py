"""docs/gateway-tokens.md against the code: every refusal with its status and error, and an example that loads."""

import ast
import importlib
import re
from pathlib import Path

from guarita.config import parse
from guarita.gateway.oauth.build import token_parts

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "gateway-tokens.md").read_text()
PARTS = ("tokens", "keys", "oauth", "outbound.py", "flight.py", "interface.py")
CODE = re.compile(r"[a-z]+\.[a-z]+(-[a-z]+)*")


def modules():
    top = ROOT / "security" / "guarita" / "gateway"
    for part in PARTS:
        yield from sorted((top / part).rglob("*.py")) if (top / part).is_dir() else [top / part]


def raised(path):
    """(code, status, error) of each refusal that the module makes."""
    name = ".".join(path.relative_to(ROOT / "security").with_suffix("").parts)
    module = importlib.import_module(name.removesuffix(".__init__"))
    for outer in ast.parse(path.read_text()).body:
        for call in ast.walk(outer):
            if not isinstance(call, ast.Call) or not call.args:
                continue
            code = call.args[0]
            if not (
                isinstance(code, ast.Constant) and isinstance(code.value, str) and CODE.fullmatch(code.value)
            ):
                continue
            if isinstance(call.func, ast.Attribute) and call.func.attr == "__init__":
                kind = getattr(module, outer.name)
            elif isinstance(call.func, ast.Name) and call.func.id.endswith("Error"):
                kind = getattr(module, call.func.id)
            else:
                continue
            status = getattr(kind, "status", None)
            yield (
                code.value,
                str(status) if status else "start",
                kind.error if status and status < 500 else "",
            )


def documented():
    rows = re.findall(r"^\| `([a-z.-]+)` \| (\w+) \| (?:`(\w+)`)? ?\|", PAGE, re.MULTILINE)
    assert len({code for code, _, _ in rows}) == len(rows)
    return set(rows)


def test_every_refusal_is_documented_and_none_besides():
    # Requests and grants that fail stand in the message of the refusal that they lead to.
    inner = {
        "outbound.timeout",
        "outbound.unreachable",
        "outbound.status",
        "outbound.size",
        "outbound.encoding",
        "grant.refused",
        "grant.unavailable",
    }
    made = {found for path in modules() for found in raised(path) if found[0] not in inner}
    assert made == documented()
    assert len(made) > 45


def test_the_example_is_a_configuration(tmp_path, monkeypatch):
    monkeypatch.setenv("INTROSPECTION_SECRET", "x" * 32)
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL).group(1)
    parts = token_parts(parse(example.encode(), "guarita.yaml").gateway.tokens, tmp_path)
    assert [authenticator.name for authenticator in parts.authenticators] == ["jwt", "introspection"]
