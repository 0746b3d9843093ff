"""docs/gateway-clients.md against the code: settings, codes, and ten lines that run."""

import ast
import re
from pathlib import Path

import msgspec
import pytest

from guarita.config import parse
from guarita.config.gateway_clients import ServiceSection
from guarita.gateway import clients
from guarita.gateway.clients.build import service_client

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "gateway-clients.md").read_text()


def block(language):
    return re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL).group(1)


def test_every_setting_is_documented_with_its_default():
    documented = dict(re.findall(r"^\| `([a-z_]+)` \| ([^|]*)\|", PAGE, re.MULTILINE))
    fields = {field.name: field for field in msgspec.structs.fields(ServiceSection)}
    assert set(documented) == set(fields)
    for name, said in documented.items():
        default = fields[name].default
        if said.strip():
            assert str(default).lower().removesuffix(".0") == said.strip()
        else:
            assert default in (msgspec.NODEFAULT, None)


def test_every_code_is_documented_with_its_error_and_none_besides():
    made = set()
    for path in (ROOT / "security/guarita/gateway/clients").glob("*.py"):
        for outer in ast.parse(path.read_text()).body:
            for call in ast.walk(outer):
                code = call.args[0] if isinstance(call, ast.Call) and call.args else None
                if isinstance(code, ast.Constant) and str(code.value).startswith("client."):
                    made.add(
                        (code.value, outer.name if isinstance(call.func, ast.Attribute) else call.func.id)
                    )
    assert set(re.findall(r"^\| `(client\.[a-z]+)` \| `(\w+)`", PAGE, re.MULTILINE)) == made
    assert len(made) == 4


def test_the_ten_lines_run(tmp_path, monkeypatch):
    (tmp_path / "guarita.yaml").write_text(
        block("yaml").replace("key: {file: docs.pem}, key_id: docs-1", "secret: {env: S}")
    )
    monkeypatch.setenv("S", "of the tests")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(block("python"), "docs", "exec"), names)
    assert isinstance(names["search"], clients.ServiceClient)
    assert len([line for line in block("python").splitlines() if line.strip()]) <= 10


def test_what_is_wrong_is_told_at_the_start(tmp_path, monkeypatch):
    monkeypatch.setenv("S", "of the tests")
    base = {
        "issuer": "https://id.example",
        "client": {"id": "x", "secret": {"env": "S"}},
        "targets": ["https://a.example"],
    }
    for changes, reason in (
        ({"client": {"id": "x"}}, "anybody could ask"),
        ({"targets": []}, "length >= 1"),
        ({"targets": ["http://a.example"]}, "expected https://"),
        ({"targets": ["https://a.example/path"]}, "targets"),
        ({"dpop_key": {"env": "S"}}, "without `dpop: true`"),
    ):
        with pytest.raises(msgspec.ValidationError, match=re.escape(reason)):
            msgspec.convert(base | changes, ServiceSection)
    assert service_client("x", msgspec.convert(base, ServiceSection), tmp_path)
    assert parse(block("yaml").encode(), "docs").gateway.clients["search"].dpop
