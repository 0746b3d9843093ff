"""Sentences with names and places, made to train the tagger: none of them is used to tune or to judge anything."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from faker import Faker

# {p} a full name, {g} a given name, {s} a surname, {c} a city, {a} an address, {u} a state, {k} a company.
PORTUGUESE = r"""
{p} assinou o contrato em {c}.
O pedido foi feito por {p}, morador de {c}, {u}.
Falei com {g} ontem à tarde.
Segundo {p}, a obra termina em maio.
Prezada {p},
Prezado senhor {s},
Olá, {g}! Tudo bem?
Oi {g}, segue o arquivo.
Nome: {p}
Nome completo: {p}\nEndereço: {a}
Cliente: {p}\nCidade: {c}\nUF: {u}
Endereço: {a}
Moro na {a}.
Entregar na {a}, aos cuidados de {p}.
Resido em {c} desde criança.
A doutora {p} atendeu o paciente {p}.
Dr. {s} pediu novos exames.
{p} e {p} são sócios da {k}.
Participaram da reunião {p}, {p} e {p}.
Relator: {p}
Advogada: {p}
Requerente {p}, requerido {k}.
Em {c}, {p} recebeu o prêmio.
O prefeito de {c}, {p}, negou.
Ata lavrada por {p}.
Atenciosamente,\n{p}
Abraços,\n{g}
Obrigado,\n{p}\n{k}
{p} nasceu em {c} e trabalha na {k}.
A aluna {p} foi aprovada.
Minha mãe se chama {p}.
Meu nome é {p} e moro em {c}.
Sou o {g}, do setor de compras.
Aqui é a {g} {s}.
{g} não veio hoje.
Quem fala é {p}?
Enviado por {p} em nome da {k}.
O réu {p} foi citado na {a}.
Testemunhas: {p}; {p}.
Filho de {p} e de {p}.
A viúva de {p} mora na {a}.
Paciente {p}, internado em {c}.
Favor ligar para {g} sobre a entrega na {a}.
{P}
{p}
{g} {s} - gerente
{a}
O voo sai de {c} para {c}.
Viajei para {c} com {g}.
{s}, {g}
"""
ENGLISH = r"""
{p} signed the lease in {c}.
My name is {p} and I live in {c}.
Please call {g} about the order.
According to {p}, the bridge will open in May.
Dear {p},
Dear Mr. {s},
Hi {g}, see the attached file.
Name: {p}
Full name: {p}\nAddress: {a}
Customer: {p}\nCity: {c}
Address: {a}
Ship it to {a}, attention {p}.
I moved from {c} to {c} last year.
Dr. {s} saw {p} on Friday.
{p} and {p} own {k}.
Present at the meeting: {p}, {p} and {p}.
In {c}, {p} won the prize.
{p}'s brother lives at {a}.
Best regards,\n{p}
Cheers,\n{g}
{p} was born in {c} and works for {k}.
We interviewed {p} of {k}.
{g} did not come today.
"I never said that," replied {g}.
Is {p} there?
The defendant, {p}, was served at {a}.
Witnesses: {p}; {p}.
{P}
{p}
{a}
{g} {s}, director
The flight leaves {c} for {c}.
The office of {k} is in {c}.
{s}, {g}
Ask {g} or {g} {s}.
her husband {g} lives in {c}
"""


def sentences(rng: random.Random, count: int) -> Iterator[tuple[str, list[tuple[int, int, str]]]]:
    """Texts with their spans: `person` or `place`."""
    Faker.seed(rng.randrange(2**32))
    fakers = {
        locale: Faker(locale)
        for locale in [
            "pt_BR",
            "en_US",
            "en_GB",
            "es_ES",
            "it_IT",
            "fr_FR",
            "de_DE",
            "nl_NL",
            "sv_SE",
            "no_NO",
            "da_DK",
            "fi_FI",
            "pl_PL",
            "cs_CZ",
            "hu_HU",
            "ro_RO",
            "hr_HR",
            "sl_SI",
            "tr_TR",
            "pt_PT",
            "en_IN",
            "es_MX",
            "en_CA",
            "sk_SK",
            "et_EE",
            "lt_LT",
            "lv_LV",
            "en_AU",
            "es_AR",
            "de_AT",
            "fr_CH",
        ]
    }
    others = [locale for locale in fakers if locale not in {"pt_BR", "en_US"}]
    templates = {
        "pt": PORTUGUESE.strip().split("\n"),
        "en": ENGLISH.strip().split("\n"),
    }
    for _ in range(count):
        language = rng.choice(("pt", "en"))
        template = rng.choice(templates[language]).replace("\\n", "\n")
        home = "pt_BR" if language == "pt" else "en_US"
        locale = home if rng.random() < (0.7 if language == "pt" else 0.45) else rng.choice(others)
        yield filled(template, fakers[locale], rng)


def filled(template: str, faker: Faker, rng: random.Random) -> tuple[str, list[tuple[int, int, str]]]:
    """A template with invented values, and where they stand."""
    makers: dict[str, tuple[str, Callable[[], str]]] = {
        "p": ("person", lambda: _name(faker, rng)),
        "P": ("person", lambda: _name(faker, rng).upper()),
        "g": ("person", faker.first_name),
        "s": ("person", faker.last_name),
        "c": ("place", faker.city),
        "a": ("place", lambda: _address(faker, rng)),
        "u": ("place", lambda: _state(faker)),
        "k": ("", faker.company),
    }
    text, spans, at = "", [], 0
    while (opening := template.find("{", at)) >= 0:
        text += template[at:opening]
        kind, make = makers[template[opening + 1]]
        value = make()
        if kind:
            spans.append((len(text), len(text) + len(value), kind))
        text += value
        at = opening + 3
    text += template[at:]
    draw = rng.random()
    other = text.lower() if draw < 0.12 else text.upper() if draw < 0.16 else text
    # A few letters change their length with their case, and the places would be wrong.
    return other if len(other) == len(text) else text, spans


def _name(faker: Faker, rng: random.Random) -> str:
    draw = rng.random()
    if draw < 0.45:
        return f"{faker.first_name()} {faker.last_name()}"
    if draw < 0.6:
        return f"{faker.first_name()} {faker.last_name()} {rng.choice(('da', 'de', 'dos', 'e', ''))} {faker.last_name()}".replace(
            "  ", " "
        )
    if draw < 0.7:
        return f"{faker.first_name()} {rng.choice('ABCDEFGHIJLMNPRST')}. {faker.last_name()}"
    if draw < 0.8:
        return f"{faker.first_name()} {faker.first_name()} {faker.last_name()}"
    return faker.first_name()


def _address(faker: Faker, rng: random.Random) -> str:
    text = faker.address()
    return text if rng.random() < 0.4 else text.replace("\n", ", ")


def _state(faker: Faker) -> str:
    for name in ("administrative_unit", "state", "city"):
        if hasattr(faker, name):
            try:
                return str(getattr(faker, name)())
            except AttributeError:
                continue
    return faker.city()
