"""The entity types: one name each, in code, findings, policy and docs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

TITLES: Mapping[str, str] = MappingProxyType(
    {
        "PII_ADDRESS": "postal address",
        "PII_CEP": "Brazilian postal code (CEP)",
        "PII_CNH": "Brazilian driving licence (CNH)",
        "PII_CNPJ": "Brazilian company number (CNPJ)",
        "PII_CNS": "Brazilian health card (CNS)",
        "PII_CPF": "Brazilian taxpayer number (CPF)",
        "PII_CREDIT_CARD": "payment card number",
        "PII_EMAIL": "e-mail address",
        "PII_IBAN": "bank account (IBAN)",
        "PII_IP_ADDRESS": "IP address",
        "PII_LOCATION": "place where somebody is",
        "PII_PERSON": "name of a person",
        "PII_PHONE": "telephone number",
        "PII_PIS": "Brazilian worker number (PIS/PASEP)",
        "PII_RENAVAM": "Brazilian vehicle number (RENAVAM)",
        "PII_TITULO_ELEITOR": "Brazilian voter number (título de eleitor)",
        "PII_US_SSN": "US social security number",
    }
)
"""What each type is called in a sentence, for the types that this package recognises itself."""

_PRESIDIO = {
    "EMAIL_ADDRESS": "PII_EMAIL",
    "IBAN_CODE": "PII_IBAN",
    "PHONE_NUMBER": "PII_PHONE",
}


def entity_name(entity_type: str) -> str:
    """The name here for an entity type of any Presidio recognizer: `US_SSN` is `PII_US_SSN`."""
    if entity_type.startswith("PII_"):
        return entity_type
    return _PRESIDIO.get(entity_type, f"PII_{entity_type}")


def title(entity: str) -> str:
    """What a type is called in a sentence; a type from elsewhere is called by its name."""
    return TITLES.get(entity) or entity.removeprefix("PII_").replace("_", " ").lower()


def short_name(entity: str) -> str:
    """A type in a place of its own, as in `[CPF]`."""
    return entity.removeprefix("PII_")
