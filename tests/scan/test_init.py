"""`guarita init`: a configuration that fits the tree, and is valid."""

import json
import subprocess

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from guarita import config
from guarita.config.published import SCHEMA, schema_text
from guarita.scan.init import Survey, configuration

SHELL = "import subprocess\ndef run(word):\n    subprocess.call(word, shell=True)\n"


def init(repository, *words):
    return subprocess.run(
        [repository.command, "init", *words], cwd=repository.root, capture_output=True, text=True, check=False
    )


def uncommented(text):
    """The text with every suggestion taken up."""
    lines = []
    for line in text.splitlines():
        body = line.strip().removeprefix("# ")
        suggestion = line.strip().startswith("#") and (
            body.startswith(
                ("- ", " ", "exclude:", "paths:", "waivers:", "severity:", "scanners:", "ledger:")
            )
        )
        lines.append(line.replace("# ", "", 1) if suggestion else line)
    return "\n".join(lines) + "\n"


def test_what_it_writes_is_read_and_judges(repository):
    repository.commit({"app/a.py": SHELL, "third_party/lib/b.py": "x = 1\n", "tests/test_a.py": "assert 1\n"})
    assert init(repository).returncode == 0
    text = (repository.root / "guarita.yaml").read_text()
    assert config.parse(text.encode(), "x") == config.Config(scan=config.ScanSection(fail_on="medium"))
    assert "/third_party/" in text
    assert "/tests/" in text
    assert "3 files (3 for code" in text
    scan = repository.scan()
    assert scan.status == 1
    assert scan.report["policy_origin"] == "tree"


def test_every_suggestion_is_valid_when_taken_up(repository):
    repository.commit({"vendor/b.py": "x = 1\n", "examples/a.py": "x = 1\n", "dump.sql": "x" * 11_000_000})
    taken = uncommented(init(repository, "--stdout").stdout)
    read = config.parse(taken.encode(), "taken").scan
    assert [rule.name for rule in read.exclude] == ["vendored", "large"]
    assert read.waivers
    assert read.severity
    assert read.paths[0].paths == ["/examples/"]


def test_it_replaces_nothing_unless_told(repository):
    repository.commit({"guarita.yaml": "scan: {fail_on: low}\n"})
    refused = init(repository)
    assert refused.returncode == 2
    assert "--force" in refused.stderr
    assert (repository.root / "guarita.yaml").read_text() == "scan: {fail_on: low}\n"
    assert init(repository, "--force").returncode == 0
    assert "fail_on: medium" in (repository.root / "guarita.yaml").read_text()


def test_a_link_is_replaced_and_not_followed(repository, tmp_path):
    (tmp_path / "elsewhere.yaml").write_text("mine\n")
    (repository.root / "guarita.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    assert init(repository).returncode == 2
    assert init(repository, "--force").returncode == 0
    assert (tmp_path / "elsewhere.yaml").read_text() == "mine\n"


def test_an_empty_tree_and_one_without_git(repository, tmp_path):
    assert "Nothing to scan" in init(repository, "--stdout").stdout
    (tmp_path / "bare").mkdir()
    assert init(repository, str(tmp_path / "bare")).returncode == 0
    assert (tmp_path / "bare/guarita.yaml").exists()


def test_the_schema_ships_and_accepts_what_we_write(repository):
    schema = json.loads(init(repository, "--schema").stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    written = yaml.safe_load(init(repository, "--stdout").stdout)
    jsonschema.validate(written, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"scan": {"fail_onn": "low"}}, schema)
    assert SCHEMA.read_bytes() == schema_text(), "stale: make schemas"
    assert schema == json.loads(SCHEMA.read_bytes())


names = st.text(min_size=1).filter(lambda text: "\0" not in text)


@given(
    st.dictionaries(names.map(lambda name: name + "/"), st.integers(1), max_size=3),
    st.lists(st.tuples(names, st.integers(1)), max_size=3),
)
def test_any_names_make_a_valid_file_with_or_without_the_suggestions(folders, large):
    found = Survey(
        files=1, claimed={"code": 1, "secrets": 1}, foreign=folders, samples=folders, large=tuple(large)
    )
    text = configuration(found)
    config.parse(text.encode(), "x")
    assert yaml.safe_load(text) == {"scan": {"fail_on": "medium"}}
