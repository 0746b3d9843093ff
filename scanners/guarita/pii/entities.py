"""The entity types: one name each, in code, findings, policy and docs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

TITLES: Mapping[str, str] = MappingProxyType(
    {
        "PII_ADDRESS": "postal address",
        "PII_BIOMETRICS": "biometric or genetic datum",
        "PII_CEP": "Brazilian postal code (CEP)",
        "PII_CNH": "Brazilian driving licence (CNH)",
        "PII_CNPJ": "Brazilian company number (CNPJ)",
        "PII_CNS": "Brazilian health card (CNS)",
        "PII_COURT_CASE": "Brazilian court case number",
        "PII_CPF": "Brazilian taxpayer number (CPF)",
        "PII_CREDENTIAL": "password",
        "PII_CREDIT_CARD": "payment card number",
        "PII_CRIMINAL": "datum about a conviction or an offence",
        "PII_CRYPTO_ADDRESS": "cryptocurrency address",
        "PII_DATE_OF_BIRTH": "date of birth",
        "PII_DE_TAX_ID": "German tax number",
        "PII_DRIVER_LICENSE": "driving licence number",
        "PII_EMAIL": "e-mail address",
        "PII_ES_DNI": "Spanish identity number (DNI or NIE)",
        "PII_ETHNICITY": "racial or ethnic origin",
        "PII_FR_NIR": "French social security number (NIR)",
        "PII_HEALTH": "datum about health",
        "PII_IBAN": "bank account (IBAN)",
        "PII_IP_ADDRESS": "IP address",
        "PII_IT_FISCAL_CODE": "Italian tax code (codice fiscale)",
        "PII_LISTED": "value that the configuration lists",
        "PII_LOCATION": "place where somebody is",
        "PII_MAC_ADDRESS": "MAC address",
        "PII_PASSPORT": "passport number",
        "PII_PERSON": "name of a person",
        "PII_PHONE": "telephone number",
        "PII_PIS": "Brazilian worker number (PIS/PASEP)",
        "PII_PIX_KEY": "random PIX key",
        "PII_POLITICS": "political opinion or membership",
        "PII_PROFESSIONAL_REGISTER": "registration with a professional council",
        "PII_PT_NIF": "Portuguese tax number (NIF)",
        "PII_RELIGION": "religious belief",
        "PII_RENAVAM": "Brazilian vehicle number (RENAVAM)",
        "PII_RG": "Brazilian identity card (RG)",
        "PII_SEX_LIFE": "datum about sex life or orientation",
        "PII_TITULO_ELEITOR": "Brazilian voter number (título de eleitor)",
        "PII_UK_NHS": "NHS number",
        "PII_UK_NINO": "UK national insurance number",
        "PII_UNION": "union membership",
        "PII_URL": "address of a page",
        "PII_US_ITIN": "US individual taxpayer number",
        "PII_US_SSN": "US social security number",
        "PII_VEHICLE_PLATE": "vehicle number plate",
        "PII_ZIP_CODE": "postal code",
    }
)
"""What each type is called in a sentence, for the types that this package recognises itself."""

_PRESIDIO = {
    "EMAIL_ADDRESS": "PII_EMAIL",
    "IBAN_CODE": "PII_IBAN",
    "PHONE_NUMBER": "PII_PHONE",
    "US_DRIVER_LICENSE": "PII_DRIVER_LICENSE",
    "US_PASSPORT": "PII_PASSPORT",
    "CRYPTO": "PII_CRYPTO_ADDRESS",
}


SENSITIVE = frozenset(
    {
        "PII_BIOMETRICS",
        "PII_CRIMINAL",
        "PII_ETHNICITY",
        "PII_HEALTH",
        "PII_POLITICS",
        "PII_RELIGION",
        "PII_SEX_LIFE",
        "PII_UNION",
    }
)
"""The types whose processing needs a ground of its own: LGPD art. 5 II and 11, GDPR art. 9 and 10."""


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
