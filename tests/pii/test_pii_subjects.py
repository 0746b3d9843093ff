"""Requests of people, pseudonyms and the way back, by the commands and a real OpenBao; and no value left anywhere."""

import io
import json
import logging
import re
import types

import hvac
import pytest
import servers
from canaries import files, seen
from fastapi import FastAPI
from moto.server import ThreadedMotoServer
from starlette.testclient import TestClient

from guarita.audit import Buffer, LedgerError, Query, Secret, open_ledger
from guarita.cli import main
from guarita.config.pii import PiiSection
from guarita.config.pii_handling import HandlingSection, ReadingSection
from guarita.errors import GuaritaError, UsageError
from guarita.pii import Detector, IngestGate, Source
from guarita.pii.canonical import canonical
from guarita.pii.keys import Keyring, read_key
from guarita.pii.pseudonyms.reveal import Revealer, RevealRefusedError
from guarita.pii.pseudonyms.transit import TransitPseudonyms
from guarita.pii.pseudonyms.vault import VaultRefusedError
from guarita.pii.redaction.tokens import hashed, pseudonym, sealed
from guarita.pii.router import DECISION, router
from guarita.policy.access import PrincipalData
from guarita.policy.access import parse as parse_access

CPF = "529.982.247-25"
MAIL = "Helena.Prado@correios.net.br"
PHONE = "(21) 99812-3456"
KEYS = Keyring(Secret("k" * 64))
FAST = ReadingSection(workers=1)


@pytest.fixture
def run(tmp_path, monkeypatch, capfdbinary):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")

    def call(*arguments, stdin="", status=0):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        got = main.run(["pii", *map(str, arguments)])
        done = capfdbinary.readouterr()
        assert got == status, done.err.decode()
        return types.SimpleNamespace(stdout=done.out.decode(), stderr=done.err.decode())

    return call


@pytest.mark.parametrize(
    ("entity", "spellings"),
    [
        (
            "PII_CPF",
            [
                "529.982.247-25",
                "52998224725",
                "529 982 247 25",
                "\uff15\uff12\uff19.982.247-25",
                "529.982\u200b.247-25",
            ],
        ),
        ("PII_CPF", ["001.234.567-97", "123456797"]),
        ("PII_EMAIL", ["Ana@Uol.com.br", "ana@uol.com.br", "mailto:ana@uol.com.br"]),
        ("PII_PHONE", ["(21) 99812-3456", "+55 21 99812 3456", "021 998123456"]),
        ("PII_PERSON", ["José  da Silva", "jose da silva", "JOSÉ DA SILVA"]),
        ("PII_CNPJ", ["12.ABC.345/01DE-35", "12abc34501de35"]),
    ],
)
def test_spellings_of_one_datum_are_one(entity, spellings):
    assert len({canonical(entity, spelling) for spelling in spellings}) == 1


def test_a_person_is_found_in_any_spelling_and_nothing_personal_is_in_the_index(run, tmp_path):
    (tmp_path / "guarita.yaml").write_text("pii: {names: 'off', subjects: {}}\n")
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.md").write_text(f"x\nCPF {CPF}, fone {PHONE}\n")
    (docs / f"ficha {CPF}.csv").write_text(f"nome;email\nx;{MAIL}\n")
    run("subject", "index", "docs")
    assert "a.md" in run("subject", "find", "52998224725").stdout
    answer = json.loads(
        run("subject", "find", "--json", "-", stdin=f"{MAIL.lower()}\n+5521998123456\n").stdout
    )
    assert [match["reference"] for match in answer["matches"]] == ["docs/a.md", f"docs/ficha {CPF}.csv"]
    assert answer["matches"][0]["found"] == [["PII_PHONE", "line 2, column 26"]]
    assert json.loads(run("subject", "find", "--json", "--tenant", "other", CPF).stdout) == {"matches": []}
    kept = files(tmp_path / ".guarita")
    for value in (CPF, "52998224725", MAIL, MAIL.lower(), PHONE, "+5521998123456"):
        assert seen(value, kept) == []
    run("subject", "remove", "docs/a.md")
    assert "a.md" not in run("subject", "find", CPF).stdout
    (docs / "a.md").write_text("nada\n")
    (docs / f"ficha {CPF}.csv").rename(docs / "b.csv")
    run("subject", "index", "docs")
    assert json.loads(run("subject", "find", "--json", PHONE).stdout) == {"matches": []}
    run("subject", "find", status=2)


@pytest.fixture(scope="module")
def bao(tmp_path_factory):
    with servers.openbao(tmp_path_factory.mktemp("bao")) as (address, _):
        root = hvac.Client(address, token=servers.BAO_TOKEN)
        root.sys.enable_secrets_engine("transit")
        root.secrets.transit.create_key(
            "pii", convergent_encryption=True, derived=True, key_type="aes256-gcm96"
        )
        root.secrets.transit.create_key("plain", derived=True, key_type="aes256-gcm96")
        root.sys.create_or_update_policy("writer", 'path "transit/encrypt/pii" { capabilities = ["update"] }')
        yield root


def test_a_datum_of_a_tenant_has_one_pseudonym_that_only_its_key_turns_back(bao):
    pseudonyms = TransitPseudonyms("transit/pii", bao)
    data = [("PII_CPF", "52998224725"), ("PII_PERSON", "José da Silva")] * 300
    first = pseudonyms.seal("acme", data)
    assert first == pseudonyms.seal("acme", data)
    assert len(set(first)) == 2
    assert not set(first) & set(pseudonyms.seal("other", data))
    pairs = [(entity, token) for (entity, _), token in zip(data, first, strict=True)]
    assert pseudonyms.open("acme", pairs) == [text for _, text in data]
    for tenant, entity in (("other", "PII_CPF"), ("acme", "PII_PERSON")):
        with pytest.raises(VaultRefusedError) as caught:
            pseudonyms.open(tenant, [(entity, first[0])])
        assert caught.value.code == "pii.pseudonym"
    bao.secrets.transit.rotate_key("pii")
    assert pseudonyms.open("acme", pairs[:2]) == ["52998224725", "José da Silva"]
    assert TransitPseudonyms("transit/pii", bao, version=1).seal("acme", data[:1]) == first[:1]


def test_a_key_that_gives_two_ciphers_for_one_text_is_refused(bao):
    with pytest.raises(UsageError) as caught:
        TransitPseudonyms("transit/plain", bao).seal("acme", [("PII_CPF", "52998224725")])
    assert caught.value.code == "pii.pseudonym-key"


def test_errors_of_vault_do_not_quote_what_it_was_asked(bao, tmp_path):
    away = hvac.Client("http://127.0.0.1:9", token="t", timeout=1)
    token = bao.auth.token.create(policies=["writer"])["auth"]["client_token"]
    writer = hvac.Client(bao.url, token=token)
    (known,) = TransitPseudonyms("transit/pii", writer).seal("acme", [("PII_CPF", "52998224725")])
    for client, call in (
        (away, lambda made: made.seal("acme", [("PII_CPF", CPF)])),
        (writer, lambda made: made.open("acme", [("PII_CPF", known)])),
        (bao, lambda made: made.open("acme", [("PII_CPF", known[:-1]), ("PII_CPF", known)])),
    ):
        with pytest.raises(GuaritaError) as caught:
            call(TransitPseudonyms("transit/pii", client))
        assert "529" not in f"{caught.value} {caught.value!r} {caught.value.hint}"


ACCESS = b"""
gateway:
  access:
    roles: {dpo: {allow: ["pii:reveal"]}}
    bindings: [{role: dpo, issuer: vault, subject: maria}]
    routes: []
"""


def test_the_way_back_is_for_whoever_may_and_on_record_first(bao, tmp_path):
    pseudonyms = TransitPseudonyms("transit/pii", bao)
    (token,) = pseudonyms.seal("acme", [("PII_CPF", "52998224725")])
    word = pseudonym("PII_CPF", token)
    order = []

    def opener(tenant, parts):
        order.append("opened")
        return pseudonyms.open(tenant, parts)

    policy = parse_access(ACCESS, "x")
    maria = PrincipalData(subject="maria", issuer="vault")
    with open_ledger(str(tmp_path / "l.db")) as ledger:
        revealer = Revealer(policy, opener, ledger)
        assert revealer.reveal([word], principal=maria, tenant="acme", purpose="ticket 7") == ["52998224725"]
        with pytest.raises(RevealRefusedError):
            revealer.reveal(
                [word], principal=PrincipalData(subject="maria", issuer="other"), tenant="acme", purpose="t"
            )
        for wrong in ("[CPF~p:bcd]", "[CPF]", "x"):
            with pytest.raises(UsageError):
                revealer.reveal([wrong], principal=maria, tenant="acme", purpose="t")
        assert order == ["opened"]
        one, two = [found.event for found in ledger.query(Query())]
        assert (one["status_id"], two["status_id"]) == (1, 2)
        assert one["unmapped"]["guarita"]["purpose"] == "ticket 7"
        assert word not in json.dumps([one, two])
        (tmp_path / "l.db").rename(tmp_path / "away")
        with pytest.raises(LedgerError):
            revealer.reveal([word], principal=maria, tenant="acme", purpose="t")
        (tmp_path / "away").rename(tmp_path / "l.db")
    with open_ledger(str(tmp_path / "m.db"), when_unwritable=Buffer(5)) as ledger:
        (tmp_path / "m.db").rename(tmp_path / "gone")
        with pytest.raises(GuaritaError) as caught:
            Revealer(policy, opener, ledger).reveal([word], principal=maria, tenant="acme", purpose="t")
        assert caught.value.code in {"pii.unrecorded", "audit.key-unreachable", "audit.unavailable"}
        (tmp_path / "gone").rename(tmp_path / "m.db")
    assert order == ["opened"]


def test_a_document_with_pseudonyms_is_clean_and_goes_back_by_the_command(bao, run, tmp_path, monkeypatch):
    monkeypatch.setenv("VAULT_ADDR", bao.url)
    monkeypatch.setenv("VAULT_TOKEN", servers.BAO_TOKEN)
    (tmp_path / "guarita.yaml").write_text(
        "pii:\n  handling: {method: pseudonym}\n  pseudonyms: {transit: transit/pii}\n"
        "gateway:\n  access:\n    roles: {dpo: {allow: ['pii:reveal']}}\n"
        "    bindings: [{role: dpo, issuer: vault, subject: token}]\n    routes: []\n"
    )
    (tmp_path / "a.md").write_text(f"CPF {CPF}, de novo 52998224725. Quem: Maria Aparecida Souza, {MAIL}.\n")
    run("redact", "a.md", "--to", "b.md", "--tenant", "acme")
    text = (tmp_path / "b.md").read_text()
    words = re.findall(r"\[[A-Z_]+~p:[a-z]+\]", text)
    assert words[0] == words[1]
    run("scan", "b.md", "--tenant", "acme")
    said = run("reveal", "-", "--tenant", "acme", "--purpose", "case 12", stdin="\n".join(words)).stdout
    assert said.splitlines()[:2] == ["52998224725", "52998224725"]
    assert MAIL.lower() in said
    assert "Maria Aparecida Souza" in said
    run("reveal", words[0], "--tenant", "other", "--purpose", "case 12", status=1)
    run("reveal", words[0], "--purpose", " ", status=2)


def test_tokens_are_not_found_as_data():
    detector = Detector()
    digest = bytes(range(40))
    for entity in ("PII_CPF", "PII_PERSON", "PII_EMAIL", "PII_ADDRESS", "PII_PHONE"):
        for word in (hashed(entity, digest[:12]), pseudonym(entity, digest), f"[{entity[4:]}]"):
            name = entity[4:].replace("_", " ").lower()
            for text in (
                word,
                f"O {name}: {word}.",
                f"{name};x\n{word};1\n",
                f"Dear {word}, your {name} is {word}",
            ):
                assert [one.entity for one in detector.detect(text)] == [], text
    assert sealed(pseudonym("PII_CPF", digest)) == ("PII_CPF", digest)


def test_keys_are_made_read_and_refused(tmp_path):
    made = read_key(None, tmp_path)
    assert read_key(None, tmp_path).reveal() == made.reveal()
    assert (tmp_path / ".guarita/pii.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / ".guarita/pii.key").chmod(0o644)
    with pytest.raises(UsageError, match="mode 0644"):
        read_key(None, tmp_path)
    assert made.reveal() not in repr(Keyring(made))
    (tmp_path / ".guarita/pii.key").chmod(0o600)
    (tmp_path / ".guarita/pii.key").write_text("short")
    with pytest.raises(UsageError):
        read_key(None, tmp_path)


@pytest.fixture
def service(tmp_path):
    section = PiiSection(names="off", reading=ReadingSection(workers=1, document_mib=1))
    with open_ledger(str(tmp_path / "l.db")) as ledger, IngestGate(section, KEYS, ledger=ledger) as gate:
        app = FastAPI()
        app.include_router(
            router(gate, tenant=lambda request: request.headers.get("x-tenant", "")), prefix="/pii"
        )
        yield TestClient(app), tmp_path


def test_the_router_checks_and_redacts(service):
    client, folder = service
    answer = client.post("/pii/check?name=a.csv", content=f"cpf\n{CPF}\n")
    assert (answer.status_code, answer.headers[DECISION]) == (200, "redact")
    assert answer.json()["findings"][0]["label"] == "row 2, column A"
    assert CPF not in answer.text
    assert client.post("/pii/redact?name=a.csv", content=f"cpf\n{CPF}\n").content == b"cpf\n[CPF]\n"
    assert client.post("/pii/redact", content="nada").content == b"nada"
    refused = client.post("/pii/redact", content="CPF 529.982.247-26")
    assert (refused.status_code, refused.headers[DECISION]) == (422, "review")
    assert client.post("/pii/check", content=b"x" * (1 << 20) + b"x").status_code == 413
    (folder / "l.db").rename(folder / "away")
    assert client.post("/pii/check", content="x").status_code == 503
    (folder / "away").rename(folder / "l.db")


def test_documents_in_s3_are_checked_and_redacted_into_another_prefix(run, tmp_path, monkeypatch):
    import boto3

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=servers.free_port(), verbose=False)
    server.start()
    try:
        endpoint = f"http://127.0.0.1:{server._server.server_port}"
        store = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        store.create_bucket(Bucket="docs")
        for key, body in (("in/a.md", f"CPF {CPF}\n"), ("in/x.png", "\x89PNG\0"), ("in/b.md", "nada\n")):
            store.put_object(Bucket="docs", Key=key, Body=body.encode())
        (tmp_path / "guarita.yaml").write_text(
            f"pii:\n  names: 'off'\n  s3: {{endpoint: {endpoint}, region: us-east-1}}\n"
        )
        assert "s3://docs/in/a.md: redact" in run("scan", "s3://docs/in/", status=1).stdout
        run("redact", "s3://docs/in/", "--to", "s3://docs/out")
        assert store.get_object(Bucket="docs", Key="out/a.md")["Body"].read() == b"CPF [CPF]\n"
        assert store.get_object(Bucket="docs", Key="out/b.md")["Body"].read() == b"nada\n"
        assert "no such object" in run("scan", "s3://docs/none.md", status=3).stderr
    finally:
        server.stop()


def test_no_planted_value_reaches_a_log_an_error_the_ledger_a_report_or_a_repr(run, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    (tmp_path / "guarita.yaml").write_text("pii: {names: 'off', subjects: {}}\n")
    values = [CPF, "52998224725", MAIL, MAIL.lower(), PHONE, "998123456"]
    text = f"CPF {CPF} {MAIL} {PHONE}"
    names = {
        f"ficha {CPF}.md": text, "a.csv": f"cpf;x\n{CPF};{MAIL}\n", "b.json": json.dumps({"cpf": CPF}),
        "broken.json": f'{{"cpf": "{CPF}"', "bad.pdf": f"%PDF-1.7 {CPF}", "bad.docx": f"PK\x03\x04 {CPF}", "nul.txt": f"{CPF}\0",
    }  # fmt: skip
    folder = tmp_path / "docs"
    folder.mkdir()
    for name, content in names.items():
        (folder / name).write_text(content)
    said = {}
    for arguments, status in (
        (("scan", "docs"), 3),
        (("scan", "docs", "--json"), 3),
        (("redact", "docs", "--to", "out"), 3),
        (("subject", "index", "docs"), 3),
    ):
        done = run(*arguments, status=status)
        said[f"{arguments} out"], said[f"{arguments} err"] = done.stdout.encode(), done.stderr.encode()
    with IngestGate(
        PiiSection(names="off", reading=FAST, handling=HandlingSection(method="hash")), KEYS
    ) as gate:
        outcome = gate.check(Source(f"ficha {CPF}.md", data=text.encode()), redact=True)
        said["repr"] = repr((outcome, gate, KEYS, gate._parts)).encode()
    said["log"] = caplog.text.encode()
    left = files(tmp_path / ".guarita") | files(tmp_path / "out")
    left["names"] = "\n".join(map(str, (tmp_path / "out").iterdir())).encode()
    for value in values:
        assert seen(value, said | left) == [], value
