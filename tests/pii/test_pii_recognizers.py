"""Each recognizer by samples: what it must find and how sure, what it must not, and what comes close."""

import itertools

import pytest

from guarita.pii import Detector
from guarita.pii.entities import TITLES
from guarita.pii.recognizers import DEFAULT, OPTIONAL

DETECTOR = Detector([kind() for kind in (*DEFAULT, *OPTIONAL)], names=False)

# entity -> [(text, the value in it, confidence)]
POSITIVE = {
    "PII_CPF": [
        ("O CPF do cliente é 529.982.247-25.", "529.982.247-25", "high"),
        ("inscrito no CPF/MF sob o nº 529.982.247-25", "529.982.247-25", "high"),
        ("taxpayer id: 52998224725", "52998224725", "high"),
        ("529.982.247-25 (CPF)", "529.982.247-25", "high"),
        ("linha com 529.982.247-25 e mais nada", "529.982.247-25", "high"),
        ("número 52998224725", "52998224725", "medium"),
        ('{"cpf": "52998224725"}', "52998224725", "high"),
        ("cpf_cliente=52998224725", "52998224725", "high"),
        ("CPF:\n529.982.247-25", "529.982.247-25", "high"),
    ],
    "PII_CNPJ": [
        ("CNPJ 11.444.777/0001-61", "11.444.777/0001-61", "high"),
        ("empresa 11.444.777/0001-61", "11.444.777/0001-61", "high"),
        ("CNPJ: 4A.BCD.123/0001-54", "4A.BCD.123/0001-54", "high"),
        ("número 11444777000161", "11444777000161", "medium"),
    ],
    "PII_CNH": [
        ("CNH nº 02650306461", "02650306461", "high"),
        ("Carteira Nacional de Habilitação: 043.973.228-70", "043.973.228-70", "high"),
        ("driver's license 04375701302", "04375701302", "high"),
    ],
    "PII_PIS": [
        ("PIS/PASEP: 469.52280.63-7", "469.52280.63-7", "high"),
        ("NIT 46952280637", "46952280637", "high"),
        ("ficha 469.52280.63-7", "469.52280.63-7", "medium"),
    ],
    "PII_TITULO_ELEITOR": [
        ("título de eleitor 0043 5687 0906", "0043 5687 0906", "high"),
        ("Título Eleitoral: 102385010671", "102385010671", "high"),
    ],
    "PII_CNS": [
        ("CNS 700 0000 0000 0005", "700 0000 0000 0005", "high"),
        ("Cartão Nacional de Saúde: 700000000000005", "700000000000005", "high"),
        ("paciente 700 0000 0000 0005", "700 0000 0000 0005", "medium"),
    ],
    "PII_RENAVAM": [
        ("RENAVAM 00639884962", "00639884962", "high"),
        ("renavam: 639884962", "639884962", "high"),
    ],
    "PII_CEP": [
        ("CEP 01310-100", "01310-100", "medium"),
        ("CEP: 01310100", "01310100", "medium"),
    ],
    "PII_PHONE": [
        ("(21) 99812-3456", "(21) 99812-3456", "high"),
        ("+55 11 3333-4521", "+55 11 3333-4521", "high"),
        ("+5511998123456", "+5511998123456", "high"),
        ("fala com ela: 21 99812-3456", "21 99812-3456", "medium"),
        ("celular 21998123456", "21998123456", "high"),
        ("Telefone: 3333-4521", "3333-4521", "medium"),
        ("ring +44 20 7946 0018 today", "+44 20 7946 0018", "high"),
        ("phone (415) 867-5309", "(415) 867-5309", "high"),
        ("+1 415-867-5309", "+1 415-867-5309", "high"),
    ],
    "PII_EMAIL": [
        ("helena.prado@correios.net.br", "helena.prado@correios.net.br", "high"),
        ("mailto:ana+rh@uol.com.br?subject=x", "ana+rh@uol.com.br", "high"),
        ("<joão@empresa.com.br>", "joão@empresa.com.br", "high"),
        ("a lista ana@uol.com.br:senha", "ana@uol.com.br", "high"),
        ("Write to o'neil@gmail.com.", "o'neil@gmail.com", "high"),
    ],
    "PII_CREDIT_CARD": [
        ("4539 1488 0343 6467", "4539 1488 0343 6467", "high"),
        ("cartão 4539148803436467", "4539148803436467", "high"),
        ("número 4539148803436467", "4539148803436467", "medium"),
        ("amex 3714 496353 98456", "3714 496353 98456", "high"),
        ("5425-2334-3010-9903", "5425-2334-3010-9903", "low"),
        ("card 4111 1111 1111 1111", "4111 1111 1111 1111", "low"),
    ],
    "PII_IBAN": [
        ("DE12 5001 0517 0648 4898 90", "DE12 5001 0517 0648 4898 90", "high"),
        ("IBAN DE12500105170648489890 para pagar", "DE12500105170648489890", "high"),
        ("IBAN DE89 3704 0044 0532 0130 00", "DE89 3704 0044 0532 0130 00", "low"),
    ],
    "PII_US_SSN": [
        ("SSN 536-90-4399", "536-90-4399", "high"),
        ("social security number: 536904399", "536904399", "high"),
        ("employee 536-90-4399", "536-90-4399", "medium"),
    ],
    "PII_IP_ADDRESS": [
        ("client ip 200.147.35.149", "200.147.35.149", "medium"),
        ("from 2804:14d:5c5b::17 today", "2804:14d:5c5b::17", "low"),
    ],
}

# Nothing of this type stands in these.
NEGATIVE = {
    "PII_CPF": [
        "CPF: 111.111.111-11",
        "versão 1.2.3",
        "a CPF is an identifier",
        "R$ 529.982.247",
        "00:52:99.82247",
    ],
    "PII_CNPJ": ["CNPJ: 00.000.000/0000-00", "BATALHADORESXX", "run 20240115093000"],
    "PII_CNH": ["pedido 02650306461", "CNH 00000000000"],
    "PII_PIS": ["pedido 46952280637", "pis 123"],
    "PII_TITULO_ELEITOR": ["0043 5687 0906", "título de eleitor 000000000000"],
    "PII_CNS": ["700000000000005", "CNS: não informado"],
    "PII_RENAVAM": ["00639884962", "renavam não consta"],
    "PII_CEP": ["01310-100", "CEP 00000-000", "CEP 123"],
    "PII_PHONE": [
        "pedido 998123456",
        "0800 777 0800",
        "(11) 99999-9999",
        "port 8080-8090",
        "2024-01-15 09:30:00",
        "id 20240115093000",
        "call 800-555-0199",
        "timeout 3000-4000 ms",
        "1700000000",
        "(10) 99812-3456",
    ],
    "PII_EMAIL": [
        "user@example.com",
        "ana@example.com.br",
        "ana@sub.example.org",
        "joana@exemplo.com.br",
        "noreply@github.com",
        "suporte@empresa.com.br",
        "git@github.com:org/repo.git",
        "postgresql://app:s3nha@db.empresa.com.br/x",
        "https://ana@host.com.br/path",
        "@app.get",
        "icon@2x.png",
        "a@b",
        "x @ y.com",
        "image@sha256",
        "ana@servidor.local",
    ],
    "PII_CREDIT_CARD": ["0000 0000 0000 0000", "1234 5678 9012 3456", "id 1700000000000"],
    "PII_IBAN": ["DE00 0000", "IBAN is a format", "XX12 5001 0517 0648 4898 90"],
    "PII_US_SSN": ["000-12-3456", "666-12-3456", "900-12-3456", "536-00-4399", "536904399", "2024-01-1500"],
    "PII_IP_ADDRESS": [
        "127.0.0.1",
        "10.1.2.3",
        "192.0.2.1",
        "999.1.1.1",
        "1.2.3",
        "::1",
        "version 1.2.3.4.5",
    ],
}

# One digit away from a value: never reported as valid, and labelled reported as a suspect.
NEAR_MISS = {
    "PII_CPF": ["CPF 529.982.247-26", "CPF nº 52998224724"],
    "PII_CNPJ": ["CNPJ 11.444.777/0001-62", "CNPJ 12.ABC.345/01DE-36"],
    "PII_CNH": ["CNH 02650306462"],
    "PII_PIS": ["PIS 469.52280.63-8"],
    "PII_TITULO_ELEITOR": ["título de eleitor 004356870907"],
    "PII_CNS": ["CNS 700 0000 0000 0006"],
    "PII_RENAVAM": ["RENAVAM 00639884963"],
    "PII_CREDIT_CARD": ["cartão 4539 1488 0343 6468"],
    "PII_IBAN": ["IBAN DE13 5001 0517 0648 4898 90"],
}
NAMES = {"PII_PERSON", "PII_ADDRESS", "PII_LOCATION"}
WITHOUT_CHECK = {"PII_CEP", "PII_PHONE", "PII_EMAIL", "PII_US_SSN", "PII_IP_ADDRESS"}


def pairs(samples):
    return list(
        itertools.chain.from_iterable([(entity, item) for item in items] for entity, items in samples.items())
    )


def found(text, entity):
    return [d for d in DETECTOR.detect(text) if d.entity == entity]


@pytest.mark.parametrize(("entity", "sample"), pairs(POSITIVE))
def test_finds(entity, sample):
    text, value, confidence = sample
    (detection,) = found(text, entity)
    assert text[detection.start : detection.end] == value
    assert detection.confidence == confidence
    assert not detection.suspect


@pytest.mark.parametrize(("entity", "text"), pairs(NEGATIVE))
def test_does_not_find(entity, text):
    assert found(text, entity) == []


@pytest.mark.parametrize(("entity", "text"), pairs(NEAR_MISS))
def test_a_labelled_near_miss_is_a_suspect(entity, text):
    assert [(d.suspect, d.confidence) for d in found(text, entity)] == [(True, "low")]


def test_every_recognizer_has_samples_and_a_title():
    entities = {kind.ENTITY for kind in (*DEFAULT, *OPTIONAL)}
    assert entities == set(POSITIVE) == set(NEGATIVE) == set(TITLES) - NAMES
    assert entities - WITHOUT_CHECK == set(NEAR_MISS)


def test_the_nearest_label_says_what_a_number_is():
    text = "CPF: 529.982.247-25; CNH: 02650306461; PIS 469.52280.63-7; RENAVAM 00639884962"
    assert [d.entity for d in DETECTOR.detect(text)] == ["PII_CPF", "PII_CNH", "PII_PIS", "PII_RENAVAM"]


def test_a_label_reaches_one_value_only():
    assert found("CPF 529.982.247-25, protocolo 52998224724", "PII_CPF")[0].start == 4
    assert len(found("CPF 529.982.247-25, protocolo 52998224724", "PII_CPF")) == 1


def test_iban_lengths_are_those_of_presidio_where_it_knows_the_country():
    import re._parser as parser

    from presidio_analyzer.predefined_recognizers.generic.iban_patterns import regex_per_country

    from guarita.pii.recognizers.iban import LENGTHS

    ours = {country: length for length, countries in LENGTHS.items() for country in countries.split()}
    for country, regex in regex_per_country.items():
        assert parser.parse(regex.replace("[ ]?", "")).getwidth() == (ours[country], ours[country])
