"""`ledger.sinks` in guarita.yaml: what is wrong is named, and no secret can stand there."""

import pytest

from guarita import config
from guarita.errors import UsageError


def parsed(*sinks):
    text = "ledger:\n  sinks:\n" + "".join(f"  - {sink}\n" for sink in sinks)
    return config.parse(text.encode(), "g.yaml").ledger.sinks


def test_every_kind_is_read():
    sinks = parsed(
        "{name: out, type: stdout}",
        "{name: file, type: file, path: audit.jsonl, max_age: 86400}",
        "{name: es, type: elasticsearch, url: 'https://es:9200', index: audit, api_key: {env: ES_KEY}}",
        "{name: otel, type: otlp, url: 'http://otel:4318/v1/logs'}",
        "{name: s3, type: s3, bucket: b, prefix: a/b, access_key_id: {env: A}, secret_access_key: {file: f}}",
    )
    assert [type(sink).__name__ for sink in sinks] == [
        "StdoutSink", "FileSink", "ElasticsearchSink", "OtlpSink", "S3Sink",
    ]  # fmt: skip
    assert sinks[2].api_key.env == "ES_KEY"


@pytest.mark.parametrize(
    ("sink", "words"),
    [
        ("{name: a, type: kafka}", ["sinks[0].type", "one of: elasticsearch, file, otlp, s3, stdout"]),
        ("{name: a}", ["sinks[0]", "`type`"]),
        ("{name: A b, type: stdout}", ["sinks[0].name"]),
        ("{name: a, type: file, paht: x}", ["sinks[0].paht", "did you mean 'path'?"]),
        ("{name: a, type: stdout, url: x}", ["sinks[0].url", "known keys here: batch, name"]),
        ("{name: a, type: s3, bucket: b, secret_access_key: {env: X}}", ["go together"]),
        ("{name: a, type: s3, bucket: b, endpoint: 'http://s3.example'}", ["http:// to another host"]),
        ("{name: a, type: otlp, url: 'ftp://x/v1/logs'}", ["begins with https://"]),
        ("{name: a, type: otlp, url: 'https://x/', headers: {a: {envv: X}}}", ["headers.a.envv", "did you mean 'env'?"]),
        ("{name: a, type: otlp, url: 'https://x/', headers: {a: {env: X, file: Y}}}", ["headers.a", "either"]),
        ("{name: a, type: otlp, url: 'http://otel/', headers: {a: {env: X}}}", ["http:// to another host"]),
        ("{name: a, type: elasticsearch, url: 'https://e/', index: A}", ["sinks[0].index"]),
        ("{name: a, type: elasticsearch, url: 'https://e/', index: a, username: u}", ["go together"]),
    ],
)  # fmt: skip
def test_an_error_says_where_and_what(sink, words):
    with pytest.raises(UsageError) as caught:
        parsed(sink)
    said = f"{caught.value.message} {caught.value.hint}"
    assert caught.value.exit_status == 2
    assert "g.yaml:3" in said
    assert all(word in said for word in words), said


@pytest.mark.parametrize(
    "sink",
    [
        "{name: a, type: elasticsearch, url: 'https://u:kanarienvogel@e/', index: a}",
        "{name: a, type: elasticsearch, url: 'https://e/', index: a, username: u, password: kanarienvogel}",
        "{name: a, type: otlp, url: 'https://e/', headers: {authorization: kanarienvogel}}",
        "{name: a, type: s3, bucket: b, access_key_id: {env: A}, secret_access_key: kanarienvogel}",
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(sink):
    with pytest.raises(UsageError) as caught:
        parsed(sink)
    assert "kanarienvogel" not in f"{caught.value.message} {caught.value.hint}"


def test_two_sinks_of_one_name_are_refused():
    with pytest.raises(UsageError, match="two sinks are called 'a'"):
        parsed("{name: a, type: stdout}", "{name: a, type: file, path: x}")
