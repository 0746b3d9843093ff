"""A part that needs a library that is not there says at the start which extra brings it."""

import json
import sys

import pytest

from guarita.errors import MissingExtraError
from guarita.gateway import Gateway

LOGIN = {"issuer": "https://id.example", "client": {"id": "x"}, "url": "https://portal.example"}


@pytest.mark.parametrize(
    ("section", "library", "extra"),
    [
        (
            {"login": LOGIN | {"session": {"store": "redis", "keys": [{"file": "key"}]}}},
            "redis",
            "gateway-redis",
        ),
        ({"tokens": {"dpop": {"replay_store": "redis"}}}, "redis", "gateway-redis"),
        ({"revocation": {}}, "redis", "gateway-redis"),
        (
            {"limits": {"store": "redis", "rules": [{"name": "x", "quota": 1, "window": 1}]}},
            "redis",
            "gateway-redis",
        ),
        ({"login": LOGIN}, "authlib", "gateway"),
    ],
)
def test_a_missing_extra_is_named(tmp_path, monkeypatch, section, library, extra):
    (tmp_path / "key").write_text("k" * 32)
    path = tmp_path / "guarita.yaml"
    path.write_text(json.dumps({"gateway": {"redis": {"url": "redis://127.0.0.1:1/0"}, **section}}))
    for name in [
        name
        for name in sys.modules
        if name.partition(".")[0] == library or name.endswith(("redisfeed", "redisstore"))
    ]:
        monkeypatch.delitem(sys.modules, name)

    class Missing:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == library:
                raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    with pytest.raises(MissingExtraError) as caught:
        Gateway.from_file(path)
    assert f"guarita[{extra}]" in f"{caught.value} {caught.value.hint}"
