"""Classes of data, as the laws tell them apart, and to which an entity type belongs."""

from __future__ import annotations

import datetime as dt
import enum
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final


class DataClass(enum.Enum):
    """A class of data that a rule can name."""

    SENSITIVE = "sensitive"
    """Race or ethnicity, religion, politics, union, health, sex life, genetics, biometrics (LGPD art. 5 II and 11, GDPR
    art. 9), and convictions (GDPR art. 10)."""
    CHILDREN = "children"
    """About somebody under 18: LGPD art. 14; GDPR art. 8 leaves the age, 13 to 16, to each country."""
    CREDENTIAL = "credential"
    """What opens something."""
    FINANCIAL = "financial"
    """Cards (PCI DSS), accounts."""
    IDENTIFIER = "identifier"
    """Numbers by which a state or a register knows a person: GDPR art. 87."""
    CONTACT = "contact"
    """What reaches a person, or says where they live."""
    PERSON = "person"
    """Names, dates of birth."""
    ORGANISATION = "organisation"
    """Companies' numbers, which are personal where the company is one person."""
    ONLINE = "online"
    """Addresses of connections and devices: GDPR recital 30."""
    OTHER = "other"
    """Personal data of any other type: LGPD art. 5 I, GDPR art. 4(1)."""


ADULT: Final = 18
"""Years from which somebody is neither child nor adolescent (Lei 8.069/1990, art. 2)."""

_CLASSES: Final[Mapping[DataClass, tuple[str, ...]]] = MappingProxyType(
    {
        DataClass.SENSITIVE: (
            "BIOMETRIC*", "CRIMINAL*", "DISABILITY*", "ETHNIC*", "GENETIC*", "HEALTH*", "MEDICAL*", "NRP", "POLITIC*",
            "RACE*", "RACIAL*", "RELIGIO*", "SENSITIVE*", "SEX*", "TRADE_UNION*", "UNION*",
        ),
        DataClass.CHILDREN: ("CHILD*", "MINOR*"),
        DataClass.CREDENTIAL: ("API_KEY*", "CREDENTIAL*", "PASSWORD*", "SECRET*", "TOKEN*"),
        DataClass.FINANCIAL: (
            "ABA_ROUTING*", "ACCOUNT*", "BANK*", "CREDIT_CARD", "CRYPTO*", "CVV", "IBAN", "PIX*", "SWIFT*", "US_BANK*",
        ),
        DataClass.IDENTIFIER: (
            "CNH", "CNS", "COURT_CASE", "CPF", "*DNI", "*DRIVER_LICENSE", "*FISCAL_CODE", "ID_NUMBER", "LISTED", "*ITIN", "*NIE",
            "*NIF", "*NHS", "*NINO", "*NIR", "*PASSPORT*", "PIS", "PROFESSIONAL_REGISTER", "RENAVAM", "RG", "*SSN",
            "TITULO_ELEITOR", "*TAX_ID", "*VAT*", "VEHICLE_PLATE",
        ),
        DataClass.CONTACT: ("ADDRESS", "CEP", "EMAIL", "LOCATION", "PHONE", "*POSTCODE", "STREET*", "ZIP*"),
        DataClass.PERSON: ("AGE", "DATE_OF_BIRTH", "BIRTH*", "NAME*", "PERSON", "TITLE", "USERNAME"),
        DataClass.ORGANISATION: ("CNPJ", "ORGANIZATION", "ORGANISATION"),
        DataClass.ONLINE: ("DEVICE*", "IMEI", "IP_ADDRESS", "MAC*", "URL", "VIN"),
    }
)  # fmt: skip
_BY_NAME: Final = tuple(
    (re.compile("|".join(name.replace("*", ".*") for name in names)), data_class)
    for data_class, names in _CLASSES.items()
)


def class_of(entity: str, value: str = "", *, today: dt.date | None = None) -> DataClass:
    """The class of an entity type. A date of birth that makes somebody younger than 18 `today` is a child's."""
    name = entity.removeprefix("PII_")
    for pattern, data_class in _BY_NAME:
        if pattern.fullmatch(name):
            if data_class is DataClass.PERSON and "BIRTH" in name and _minor(value, today):
                return DataClass.CHILDREN
            return data_class
    return DataClass.OTHER


_ISO: Final = re.compile(r"(?<!\d)((?:19|20)\d{2})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)")
_DAY_FIRST: Final = re.compile(r"(?<!\d)(\d{1,2})[-/.](\d{1,2})[-/.]((?:19|20)\d{2})(?!\d)")
_YEAR: Final = re.compile(r"(?<!\d)((?:19|20)\d{2})(?!\d)")


def _minor(value: str, today: dt.date | None) -> bool:
    """Whether a date of birth may be that of a minor. Day and month in either order; a year alone counts as its end."""
    if not value:
        return False
    now = today or dt.datetime.now(dt.UTC).date()
    if match := _ISO.search(value):
        year, first, second = map(int, match.groups())
    elif match := _DAY_FIRST.search(value):
        first, second, year = map(int, match.groups())
    elif match := _YEAR.search(value):
        return 0 <= now.year - int(match[1]) <= ADULT
    else:
        return False
    dates = []
    for month, day in ((first, second), (second, first)):
        try:
            dates.append(dt.date(year, month, day))
        except ValueError:
            continue
    return any(_age(born, now) < ADULT for born in dates if born <= now)


def _age(born: dt.date, now: dt.date) -> int:
    return now.year - born.year - ((now.month, now.day) < (born.month, born.day))
