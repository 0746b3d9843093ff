"""The secrets scanner by the command: what is found wherever it hides, and never shown."""

import pytest

# Invented, and put together here so that no scanner of this repository meets them whole.
TOKEN = "ghp_" + "0Xd3RPPLgCcTr6hQKtKPcRFXhQZ0lE1Y4yDa"
LINE = f'token = "{TOKEN}"\n'


@pytest.mark.parametrize(
    "name",
    [
        "a.txt",
        ".hidden/a.env",
        "node_modules/x/b.js",
        "vendor/x.go",
        "package-lock.json",
        "no-ending",
        "a.lock",
    ],
)
def test_a_token_is_found_anywhere_and_never_shown(repository, name):
    repository.commit({name: LINE, ".gitignore": "*\n"})
    scan = repository.scan(scanners=("secrets",))
    assert scan.status == 1
    (finding,) = scan.findings("failing")
    assert finding["location"]["path"] == name
    assert finding["snippet"] == []
    assert TOKEN not in scan.text + scan.raw


def test_equal_files_are_each_reported(repository):
    repository.commit({"a.txt": LINE, "b.txt": LINE})
    assert [f["location"]["path"] for f in repository.scan(scanners=("secrets",)).findings()] == [
        "a.txt",
        "b.txt",
    ]


def test_a_directive_does_not_hide_a_secret(repository):
    repository.commit(
        {"a.txt": LINE.rstrip() + "  # kingfisher:ignore\n", "b.txt": LINE.rstrip() + " # gitleaks:allow\n"}
    )
    scan = repository.scan(scanners=("secrets",))
    assert scan.status == 1
    assert [f["suppression"]["kind"] for f in scan.findings()] == ["kingfisher:ignore", "gitleaks:allow"]


def test_a_password_in_code_is_not_shown_by_bandit_either(repository):
    word = "correct-horse-" + "battery"
    repository.commit({"a.py": f'password = "{word}"\n\n\ndef f(password="{word}"):\n    return password\n'})
    scan = repository.scan("--fail-on", "low")
    assert {"B105", "B107"} <= set(scan.rules())
    assert word not in scan.text + scan.raw


def test_no_cache_uses_and_leaves_nothing(repository, tmp_path):
    repository.commit({"a.env": "x=1\n"})
    cache = tmp_path / "cache"
    cache.mkdir()
    assert (
        repository.scan("--no-cache", scanners=("secrets",), env={"XDG_CACHE_HOME": str(cache)}).status == 0
    )
    assert list(cache.iterdir()) == []
    assert repository.scan(scanners=("secrets",), env={"XDG_CACHE_HOME": str(cache)}).status == 0
    assert list((cache / "guarita/kingfisher").iterdir())


def test_a_cache_folder_that_cannot_be_made_is_done_without(repository):
    repository.commit({"a.env": "x=1\n"})
    assert repository.scan(scanners=("secrets",), env={"XDG_CACHE_HOME": "/proc/none"}).status == 0


def test_a_key_of_our_own_gateway_is_found_and_a_lookalike_is_not(repository):
    from guarita.gateway.apikeys import form

    key = form.generate("live").text
    lookalike = key[:-1] + ("a" if key[-1] != "a" else "b")
    repository.commit({"a.txt": f"the key {key} was mailed\n", "b.txt": f"the word {lookalike} was not\n"})
    scan = repository.scan(scanners=("secrets",))
    (finding,) = scan.findings("failing")
    assert (finding["rule"], finding["location"]["path"]) == ("guarita.api-key", "a.txt")
    assert key not in scan.text + scan.raw
    assert key.split("_")[3] not in scan.text + scan.raw


def test_a_key_in_a_header_is_one_finding(repository):
    from guarita.gateway.apikeys import form

    repository.commit({"a.sh": f'curl -H "X-API-Key: {form.generate("live").text}" https://api.example\n'})
    (rule,) = repository.scan(scanners=("secrets",)).rules("failing")
    assert rule == "guarita.api-key"
