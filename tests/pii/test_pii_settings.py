"""What guarita.yaml says about detection: thresholds, types, lists, recognizers of one's own, tenants, plug-ins."""

import pytest

from guarita.config import parse
from guarita.errors import UsageError
from guarita.pii import Evidence
from guarita.pii.presidio import Pattern, PatternRecognizer
from guarita.pii.settings import detector

CPF = "529.982.247-25"


def made(text, tenant=""):
    return detector(parse(f"pii:\n  names: 'off'\n{text}".encode(), "guarita.yaml").pii, tenant)


def found(detector, text):
    return [(d.entity, text[d.start : d.end], round(d.score, 2)) for d in detector.detect(text)]


def test_a_value_is_allowed_in_any_spelling():
    some = made(f"  allow: [{{value: '{CPF}', reason: ours}}]\n")
    assert found(some, "CPF 52998224725 e CPF 529 982 247 25") == []
    assert found(some, "CPF 390.533.447-05") != []


def test_an_allowed_value_is_allowed_for_its_type_alone():
    some = made(f"  allow: [{{value: '{CPF}', entity: PII_CNPJ, reason: ours}}]\n")
    assert found(some, f"CPF {CPF}") != []


def test_a_pattern_allows_what_it_matches_whole():
    some = made("  allow: [{pattern: '.*@empresa\\.com\\.br', reason: ours}]\n")
    text = "ana.souza@empresa.com.br e ana.souza@empresa.com.br.uol.com.br"
    assert [value for _, value, _ in found(some, text)] == ["ana.souza@empresa.com.br.uol.com.br"]


def test_a_denied_value_is_found_in_any_spelling_and_never_ignored():
    some = made("  ignore: [PII_LISTED]\n  deny: [{value: Projeto Águia, reason: secret}]\n")
    assert found(some, "sobre o projeto-aguia e o PROJETO\u200b ÁGUIA") == [
        ("PII_LISTED", "projeto-aguia", 1.0),
        ("PII_LISTED", "PROJETO\u200b ÁGUIA", 1.0),
    ]


def test_types_are_ignored_and_enabled():
    text = f"CPF {CPF}, client ip 200.147.35.149"
    assert [name for name, _, _ in found(made("  ignore: [PII_CPF]\n"), text)] == []
    assert [name for name, _, _ in found(made("  enable: [PII_IP_ADDRESS]\n"), text)] == [
        "PII_CPF",
        "PII_IP_ADDRESS",
    ]
    with pytest.raises(UsageError) as raised:
        made("  enable: [PII_CPF]\n")
    assert raised.value.code == "pii.entity"


def test_the_threshold_holds():
    assert found(made("  threshold: 0.6\n"), "número 52998224725") == []
    assert found(made("  threshold: 0.5\n"), "número 52998224725") != []


BADGE = """  recognizers:
    - name: badge
      entity: PII_BADGE
      patterns: ['[A-Z]{2}-\\d{4}']
      labels: [crachá, badge]
      labelled: 0.8
      alone: 0.2
    - name: member
      entity: PII_MEMBER
      patterns: ['\\d{10}']
      labels: [sócio]
      check: luhn
"""


def test_a_recognizer_of_ones_own_has_patterns_labels_and_a_check():
    some = made(BADGE)
    assert found(some, "Crachá AB-1234") == [("PII_BADGE", "AB-1234", 0.8)]
    assert found(some, "peça AB-1234") == []
    assert found(some, "sócio 1234567897") == [("PII_MEMBER", "1234567897", 0.9)]
    (suspect,) = some.detect("sócio 1234567890")
    assert suspect.suspect
    assert suspect.recognizer == "member"
    (sure,) = some.detect("sócio 1234567897")
    assert sure.evidence == (Evidence.PATTERN, Evidence.CHECK_DIGITS, Evidence.LABEL)


def test_a_tenant_has_its_own_beside_everybodys():
    text = "  tenants:\n    acme:\n" + "".join(f"    {line}\n" for line in BADGE.splitlines())
    assert found(made(text, "acme"), "crachá AB-1234") != []
    assert found(made(text, "other"), "crachá AB-1234") == []


@pytest.mark.timeout(20)
def test_a_pattern_that_would_explode_ends():
    some = made(
        "  recognizers: [{name: evil, entity: PII_EVIL, patterns: ['(a+)+b', '(x|x)*y', '(.*)*=(.*)*$']}]\n"
        "  deny: [{pattern: '(a|a)*c', reason: evil}]\n"
    )
    some.detect("a" * 100_000 + "x" * 100_000)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("  recognizers: [{name: a, entity: PII_AB, patterns: ['(?=a)b']}]\n", "config.value"),
        ("  recognizers: [{name: a, entity: PII_AB, patterns: ['a{2000}']}]\n", "pii.pattern"),
        ("  allow: [{value: '-', reason: a}]\n", "pii.list"),
        ("  allow: [{reason: a}]\n", "config.value"),
        ("  plugins: ['no_such_module:Kind']\n", "pii.plugin"),
        ("  plugins: ['json:JSONDecoder']\n", "pii.plugin"),
        ("  plugins: ['json:loads']\n", "pii.plugin"),
    ],
)
def test_what_is_wrong_is_said(text, code):
    with pytest.raises(UsageError) as raised:
        made(text)
    assert raised.value.code == code
    assert raised.value.exit_status == 2


class Ticket(PatternRecognizer):
    """A recognizer as somebody else writes them."""

    def __init__(self):
        super().__init__("TICKET", patterns=[Pattern("ticket", r"T-\d{5}", 0.5)], context=["ticket"])


def test_any_presidio_recognizer_plugs_in(monkeypatch):
    import sys
    import types

    module = types.ModuleType("somebodys_recognizers")
    module.Ticket = Ticket
    monkeypatch.setitem(sys.modules, "somebodys_recognizers", module)
    some = made("  plugins: ['somebodys_recognizers:Ticket']\n")
    assert found(some, "ticket T-12345") == [("PII_TICKET", "T-12345", 0.85)]
