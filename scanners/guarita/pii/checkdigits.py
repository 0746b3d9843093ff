"""The arithmetic of check digits, each with the text that defines it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_ELEVEN = 11


def digits(value: str) -> str:
    """The decimal digits of a value, without its punctuation."""
    return "".join(character for character in value if character.isdigit())


def weighted(values: Iterable[int], weights: Iterable[int]) -> int:
    """The sum of products. Raises ValueError when the two differ in length."""
    return sum(value * weight for value, weight in zip(values, weights, strict=True))


def complement(total: int) -> int:
    """11 minus the remainder of 11, with 10 and 11 as 0: what CPF, CNPJ, PIS and RENAVAM use."""
    rest = total % _ELEVEN
    return 0 if rest < 2 else _ELEVEN - rest  # noqa: PLR2004  # remainders 0 and 1


def numbers(text: str) -> list[int]:
    """ASCII code less 48 of each character: 0 to 9 for digits, 17 to 42 for A to Z.

    The rule for the alphanumeric CNPJ: Receita Federal, Nota Técnica COCAD/SUARA/RFB 49/2024.
    """
    return [ord(character) - 48 for character in text]


def repeated(value: str) -> bool:
    """Whether a value is one character over and over: it may satisfy its check and names nobody."""
    return len(set(value)) <= 1


def luhn(value: str) -> bool:
    """Whether a string of digits satisfies ISO/IEC 7812-1 annex B."""
    total = 0
    for index, digit in enumerate(reversed(numbers(value))):
        doubled = digit * 2 if index % 2 else digit
        total += doubled - 9 if doubled > 9 else doubled  # noqa: PLR2004  # two digits summed
    return total % 10 == 0


def mod97(value: str) -> bool:
    """Whether a string satisfies ISO/IEC 7064 MOD 97-10 as ISO 13616 uses it for IBAN."""
    moved = value[4:] + value[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1


def cpf_check(base: Sequence[int]) -> tuple[int, int]:
    """The two check digits of a CPF, from its first nine digits."""
    first = complement(weighted(base, range(10, 1, -1)))
    return first, complement(weighted((*base, first), range(11, 1, -1)))


def cnpj_check(base: Sequence[int]) -> tuple[int, int]:
    """The two check digits of a CNPJ, from the values of its first twelve characters."""
    weights = (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
    first = complement(weighted(base, weights))
    return first, complement(weighted((*base, first), (6, *weights)))


def pis_check(base: Sequence[int]) -> int:
    """The check digit of a PIS/PASEP/NIT, from its first ten digits."""
    return complement(weighted(base, (3, 2, 9, 8, 7, 6, 5, 4, 3, 2)))


def renavam_check(base: Sequence[int]) -> int:
    """The check digit of a RENAVAM, from its first ten digits."""
    return complement(weighted(base, (3, 2, 9, 8, 7, 6, 5, 4, 3, 2)))


def cnh_check(base: Sequence[int]) -> tuple[int, int]:
    """The two check digits of a CNH registration, from its first nine digits.

    When the first comes out as 10 it is written 0, and the second is lowered by 2, as DENATRAN's routine does.
    """
    first = weighted(base, range(9, 0, -1)) % _ELEVEN
    lowered = 2 if first == 10 else 0  # noqa: PLR2004  # a remainder that is no digit
    second = weighted(base, range(1, 10)) % _ELEVEN
    second = (second - lowered) % _ELEVEN
    return first % 10, second if second < 10 else 0  # noqa: PLR2004


def voter_check(sequence: Sequence[int], state: Sequence[int]) -> tuple[int, int]:
    """The two check digits of a título de eleitor, from its eight digits and the two of its state.

    Resolução TSE 21.538/2003 art. 12: weights 2 to 9, then 7 to 9; a remainder of 0 stands as 1 for
    São Paulo (01) and Minas Gerais (02).
    """
    exception = tuple(state) in {(0, 1), (0, 2)}

    def written(rest: int) -> int:
        return 1 if rest == 0 and exception else rest % 10

    first = written(weighted(sequence, range(2, 10)) % _ELEVEN)
    return first, written(weighted((*state, first), (7, 8, 9)) % _ELEVEN)


def cns_valid(value: str) -> bool:
    """Whether fifteen digits are a CNS: weights 15 to 1, remainder of 11 zero (Ministério da Saúde).

    Definitive numbers start with 1 or 2 and hold 000 or 001 before the last digit; provisional ones start
    with 7, 8 or 9.
    """
    if weighted(numbers(value), range(15, 0, -1)) % _ELEVEN:
        return False
    return value[0] in "789" or (value[0] in "12" and value[11:14] in {"000", "001"})
