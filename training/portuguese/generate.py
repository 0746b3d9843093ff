"""Makes the Portuguese sets: tests/data/pii/pt-tune.jsonl and pt-test.jsonl. Usage: training/portuguese/generate.py

Every value is invented. Names, streets and cities of the two sets have no word in common that is not a
particle: they are lists of common names, written down for this purpose. Some of them are common enough to stand in
Faker's lists too, which the tagger was trained on.
"""

from __future__ import annotations

import json
import random
import string
import uuid
from pathlib import Path

from guarita.pii.checkdigits import (
    cnh_check,
    cnpj_check,
    cpf_check,
    numbers,
    pis_check,
    renavam_check,
    voter_check,
)

HERE = Path(__file__).parent
TARGET = HERE.parents[1] / "tests" / "data" / "pii"
SETS = {
    "tune": {
        "seed": 11,
        "rounds": 6,
        "given": "Adriana Benedito Cássia Dalva Evandro Fabíola Gilmar Helena Ivone Jurandir Karina Leandro Marlene "
        "Nivaldo Odete Priscila Quitéria Rogério Sueli Tarcísio Ulisses Vanessa Wagner Yasmin Zilda Anderson Bianca "
        "Cíntia Douglas Elaine Fernando Graziela Hélio Inês Jaqueline Kátia Luciano Maurício Neide Osvaldo Patrícia "
        "Raimundo Sônia Teresinha Valdir Wellington Aparecida Edson Rosângela Sebastião",
        "surname": "Abreu Bezerra Cavalcante Dantas Esteves Falcão Guerra Holanda Inácio Jardim Lacerda Macedo "
        "Nóbrega Ornelas Paixão Queiroz Rangel Sampaio Toledo Uchoa Vilela Xavier Zanetti Amaral Brandão Coutinho "
        "Duarte Evangelista Fonseca Guimarães Leitão Muniz Neves Paiva Rezende Sales Trindade Valadares",
        "street": "das Palmeiras|Sete de Setembro|Coronel Fagundes|do Comércio|Barão de Itapura|Dom Pedro II|das Acácias"
        "|Professor Ademar|Santos Dumont|XV de Novembro|Padre Cícero|dos Ipês",
        "district": "Centro|Jardim América|Vila Nova|Boa Vista|Santa Luzia|Alto da Glória",
        "city": "Campinas/SP|Recife/PE|Belo Horizonte/MG|Goiânia/GO|Londrina/PR|Feira de Santana/BA|Niterói/RJ|Joinville/SC",
        "company": "Metalúrgica Horizonte Ltda|Transportes Andrade S.A.|Construtora Pedra Alta Ltda|Banco Meridional S.A.",
    },
    "test": {
        "seed": 12,
        "rounds": 8,
        "given": "Alessandra Baltazar Conceição Dirceu Edinalva Flávio Genivaldo Hortência Iracema Jacinto Keila "
        "Lourdes Moacir Natália Orlando Penha Rosivaldo Severino Talita Ubirajara Vera Washington Yara Zuleide "
        "Agnaldo Cleusa Dorival Elisângela Francisca Geraldo Hermes Ivanilde Jefferson Lindalva Marcos Neusa Osmar "
        "Rita Silvana Tatiane Valdomiro Wilma Antônio Cícero Joana Lucas Pedro Beatriz Thaís Caio",
        "surname": "Aguiar Barreto Chaves Damasceno Eustáquio Fagundes Galvão Hermínio Itaboraí Junqueira Lobato "
        "Meireles Nascimento Oliveira Pacheco Quintela Ramos Siqueira Tavares Ulhoa Vasconcelos Wanderley Yamamoto "
        "Alencar Bittencourt Camargo Domingues Ferraz Gusmão Lustosa Malheiros Novaes Peixoto Ribeiro Souza Teles "
        "Viana Zimmermann Silva Santos",
        "street": "Marechal Deodoro|das Laranjeiras|Presidente Vargas|do Rosário|Visconde de Mauá|Treze de Maio|dos Girassóis"
        "|Engenheiro Lisboa|Rui Barbosa|Vinte e Quatro de Outubro|Frei Caneca|das Mangueiras",
        "district": "Bela Vista|Jardim Paulista|Vila Mariana|Cidade Nova|São Benedito|Parque Industrial",
        "city": "Porto Alegre/RS|Fortaleza/CE|Uberlândia/MG|Manaus/AM|Curitiba/PR|Vitória/ES|Sorocaba/SP|Natal/RN",
        "company": "Têxtil Aurora Ltda|Agropecuária Serra Azul S.A.|Distribuidora Litoral Ltda|Seguradora Planalto S.A.",
    },
}
AREAS = "11 19 21 27 31 41 47 48 51 62 71 81 85 91 92".split()  # noqa: SIM905
TYPES = {
    "NOME": "PERSON", "PRENOME": "PERSON", "SOBRENOME": "PERSON", "NOMEC": "PERSON", "NOMEL": "PERSON",
    "END": "LOCATION", "END2": "LOCATION", "CIDADE": "LOCATION", "CIDUF": "LOCATION", "CEP": "LOCATION",
    "CPF": "CPF", "CPFN": "CPF", "CNPJ": "CNPJ", "RG": "RG", "CNH": "CNH", "PIS": "PIS", "TITULO": "TITULO",
    "CNS": "CNS", "RENAVAM": "RENAVAM", "PLACA": "PLATE", "PASS": "PASSPORT", "NASC": "DATE_OF_BIRTH",
    "FONE": "PHONE", "FONEF": "PHONE", "EMAIL": "EMAIL", "CARTAO": "CARD", "IBAN": "IBAN", "PIX": "PIX",
}  # fmt: skip


class Values:
    """Invented values of one set."""

    def __init__(self, lists: dict, rng: random.Random) -> None:
        self.rng = rng
        self.given = lists["given"].split()
        self.surname = lists["surname"].split()
        self.lists = {key: lists[key].split("|") for key in ("street", "district", "city", "company")}

    def digits(self, count: int) -> str:
        return "".join(self.rng.choices(string.digits, k=count))

    def make(self, kind: str) -> str:
        return getattr(self, f"make_{kind.lower()}")()

    def make_nome(self) -> str:
        parts = [self.make_prenome()]
        if self.rng.random() < 0.25:
            parts.append(self.make_prenome())
        if self.rng.random() < 0.3:
            parts.append(self.rng.choice(("da", "de", "dos", "do")))
        parts.append(self.make_sobrenome())
        if self.rng.random() < 0.45:
            parts.append(self.make_sobrenome())
        if self.rng.random() < 0.08:
            parts.append(self.rng.choice(("Filho", "Neto", "Júnior")))
        return " ".join(parts)

    def make_nomec(self) -> str:
        return self.make_nome().upper()

    def make_nomel(self) -> str:
        return self.make_nome().lower()

    def make_prenome(self) -> str:
        return self.rng.choice(self.given)

    def make_sobrenome(self) -> str:
        return self.rng.choice(self.surname)

    def make_empresa(self) -> str:
        return self.rng.choice(self.lists["company"])

    def make_cidade(self) -> str:
        return self.rng.choice(self.lists["city"]).split("/")[0]

    def make_ciduf(self) -> str:
        city, state = self.rng.choice(self.lists["city"]).split("/")
        return city + self.rng.choice(("/", " - ", ", ")) + state

    def make_end(self) -> str:
        kind = self.rng.choice(("Rua", "Rua", "Avenida", "Av.", "R.", "Travessa", "Alameda", "Praça"))
        text = f"{kind} {self.rng.choice(self.lists['street'])}, {self.rng.choice(('', 'nº ', 'n. '))}{self.rng.randint(1, 2900)}"
        if self.rng.random() < 0.4:
            text += self.rng.choice((", apto ", ", apartamento ", ", casa ", ", bloco B, apto ")) + str(
                self.rng.randint(1, 300)
            )
        if self.rng.random() < 0.8:
            text += ", " + self.rng.choice(self.lists["district"])
        if self.rng.random() < 0.8:
            text += ", " + self.make_ciduf()
        if self.rng.random() < 0.5:
            text += f", CEP {self.make_cep()}"
        return text

    def make_end2(self) -> str:
        return (
            f"Rua {self.rng.choice(self.lists['street'])}, {self.rng.randint(1, 2900)}\n"
            f"{self.rng.choice(self.lists['district'])}\n{self.make_cep()} {self.make_ciduf()}"
        )

    def make_cep(self) -> str:
        return f"{self.digits(5)}-{self.digits(3)}"

    def make_cpfn(self) -> str:
        base = [self.rng.randint(0, 9) for _ in range(9)]
        return "".join(map(str, (*base, *cpf_check(base))))

    def make_cpf(self) -> str:
        value = self.make_cpfn()
        return f"{value[:3]}.{value[3:6]}.{value[6:9]}-{value[9:]}"

    def make_cnpj(self) -> str:
        base = f"{self.digits(8)}0001"
        value = base + "".join(map(str, cnpj_check(numbers(base))))
        return f"{value[:2]}.{value[2:5]}.{value[5:8]}/{value[8:12]}-{value[12:]}"

    def make_rg(self) -> str:
        value = self.digits(8)
        last = self.rng.choice("0123456789X")
        return f"{value[:2]}.{value[2:5]}.{value[5:]}-{last}" + self.rng.choice(("", "", " SSP/SP"))

    def make_cnh(self) -> str:
        base = [self.rng.randint(0, 9) for _ in range(9)]
        return "".join(map(str, (*base, *cnh_check(base))))

    def make_pis(self) -> str:
        base = [1, *(self.rng.randint(0, 9) for _ in range(9))]
        value = "".join(map(str, (*base, pis_check(base))))
        return f"{value[:3]}.{value[3:8]}.{value[8:10]}-{value[10]}"

    def make_titulo(self) -> str:
        sequence, state = [self.rng.randint(0, 9) for _ in range(8)], [0, self.rng.randint(1, 9)]
        value = "".join(map(str, (*sequence, *state, *voter_check(sequence, state))))
        return f"{value[:4]} {value[4:8]} {value[8:]}"

    def make_cns(self) -> str:
        while True:
            base = [7, *(self.rng.randint(0, 9) for _ in range(13))]
            rest = -sum(v * w for v, w in zip(base, range(15, 1, -1), strict=True)) % 11
            if rest < 10:
                value = "".join(map(str, (*base, rest)))
                return f"{value[:3]} {value[3:7]} {value[7:11]} {value[11:]}"

    def make_renavam(self) -> str:
        base = [0, *(self.rng.randint(0, 9) for _ in range(9))]
        return "".join(map(str, (*base, renavam_check(base))))

    def make_placa(self) -> str:
        letters = "".join(self.rng.choices(string.ascii_uppercase, k=3))
        if self.rng.random() < 0.5:
            return f"{letters}-{self.digits(4)}"
        return f"{letters}{self.digits(1)}{self.rng.choice('ABCDEFGHIJ')}{self.digits(2)}"

    def make_pass(self) -> str:
        return "".join(self.rng.choices(string.ascii_uppercase, k=2)) + self.digits(6)

    def make_nasc(self) -> str:
        day, month, year = self.rng.randint(1, 28), self.rng.randint(1, 12), self.rng.randint(1940, 2012)
        if self.rng.random() < 0.25:
            names = "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro".split()  # noqa: SIM905
            return f"{day} de {names[month - 1]} de {year}"
        return f"{day:02}/{month:02}/{year}"

    def make_data(self) -> str:
        return f"{self.rng.randint(1, 28):02}/{self.rng.randint(1, 12):02}/2025"

    def make_fone(self) -> str:
        area = self.rng.choice(AREAS)
        if self.rng.random() < 0.75:
            return self.rng.choice(
                ("({0}) 9{1}-{2}", "{0} 9{1}-{2}", "({0})9{1}{2}", "{0}9{1}{2}", "{0} 9 {1} {2}")
            ).format(area, self.rng.randint(6000, 9998), self.digits(4))
        return self.rng.choice(("({0}) {1}-{2}", "({0}) {1}.{2}", "{0} {1}-{2}")).format(
            area, self.rng.randint(3000, 3999), self.digits(4)
        )

    def make_fonef(self) -> str:
        return f"+55 {self.rng.choice(AREAS)} 9{self.rng.randint(6000, 9998)}-{self.digits(4)}"

    def make_email(self) -> str:
        plain = str.maketrans("áàâãéêíóôõúç", "aaaaeeiooouc")
        given, surname = (
            self.make_prenome().lower().translate(plain),
            self.make_sobrenome().lower().translate(plain),
        )
        form = self.rng.choice(("{0}.{1}", "{0}{1}", "{0}_{1}", "{2}{1}", "{0}.{1}{3}"))
        host = self.rng.choice(("gmail.com", "hotmail.com", "uol.com.br", "yahoo.com.br", "terra.com.br"))
        return form.format(given, surname, given[0], self.rng.randint(1, 99)) + "@" + host

    def make_cartao(self) -> str:
        base = self.rng.choice(("4", "51", "55")) + self.digits(15)
        base = base[:15]
        total = sum(
            (int(d) * 2 - 9 if int(d) > 4 else int(d) * 2) if i % 2 == 0 else int(d)
            for i, d in enumerate(base)
        )
        value = base + str(-total % 10)
        return " ".join(value[i : i + 4] for i in range(0, 16, 4)) if self.rng.random() < 0.6 else value

    def make_iban(self) -> str:
        rest = self.digits(8) + self.digits(5) + self.digits(10) + "C1"
        check = 98 - int("".join(str(int(c, 36)) for c in f"{rest}BR00")) % 97
        return f"BR{check:02}{rest}"

    def make_pix(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def make_prot(self) -> str:
        return self.rng.choice(
            (
                self.digits(10),
                f"{self.digits(5)}.{self.digits(6)}/2025-{self.digits(2)}",
                f"2025{self.digits(8)}",
            )
        )

    def make_valor(self) -> str:
        return f"R$ {self.rng.randint(1, 999)}.{self.digits(3)},{self.digits(2)}"


def filled(template: str, values: Values) -> dict:
    """A text with its spans. A company's name is a span to be ignored: whether it is a person's is a matter of taste."""
    text, spans, at = "", [], 0
    while (opening := template.find("{", at)) >= 0:
        closing = template.index("}", opening)
        text += template[at:opening]
        kind = template[opening + 1 : closing]
        value = values.make(kind)
        if kind in TYPES:
            spans.append({"type": TYPES[kind], "start": len(text), "end": len(text) + len(value)})
        text += value
        at = closing + 1
    return {"text": text + template[at:], "spans": spans}


def main() -> None:
    """Write both sets."""
    for name, lists in SETS.items():
        rng = random.Random(lists["seed"])
        values = Values(lists, rng)
        lines = (HERE / f"{name}.txt").read_text("utf-8").split("\n")
        body = "\n".join(line for line in lines if not line.startswith(("#", "===")))
        templates = [part.strip("\n") for part in body.split("%%")]
        out = []
        for round_ in range(lists["rounds"]):
            for number, template in enumerate(templates):
                if "{" in template or round_ == 0:
                    out.append({**filled(template, values), "template_id": number})
        target = TARGET / f"pt-{name}.jsonl"
        target.write_text("".join(json.dumps(item, ensure_ascii=False) + "\n" for item in out), "utf-8")
        print(name, len(templates), len(out), sum(len(item["spans"]) for item in out))


if __name__ == "__main__":
    main()
