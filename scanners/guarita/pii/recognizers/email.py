"""E-mail addresses (RFC 5321 in the form people write them), checked against the public list of domains."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Final

from guarita.pii.fold import unaccented
from guarita.pii.interface import Evidence
from guarita.pii.recognizers.base import Candidate, GuaritaRecognizer, Verdict
from guarita.pii.recognizers.hints import Hint

if TYPE_CHECKING:
    from tldextract import TLDExtract

# RFC 2606 and RFC 6761: names that belong to nobody.
_RESERVED_TLDS: Final = frozenset({"example", "test", "invalid", "localhost", "local", "internal", "onion"})
_RESERVED_NAMES: Final = frozenset({"example", "exemplo"})
_IMPERSONAL_WORDS = (
    "abuse admin administrator atendimento billing careers compliance comercial contact contato do-not-reply "
    "donotreply dpo email faleconosco feedback financeiro git github hello help helpdesk hg hostmaster info "
    "jobs legal mail mailer-daemon marketing nao-responda naoresponda news newsletter no-reply noc nobody "
    "noreply notifications office ouvidoria postmaster press privacidade privacy reply rh root sac sales "
    "secretaria security seguranca sre ssh staff suporte support svn team vendas webmaster"
)
_IMPERSONAL: Final = frozenset(_IMPERSONAL_WORDS.split())
"""Mailboxes of a role, not of a person (RFC 2142 and usage)."""
_PLACEHOLDERS_WORDS = (
    "alguem anyone email exemplo example fulano foo jane jane.doe janedoe john john.doe johndoe me meu-email "
    "myemail name nome nome.sobrenome seu seu-email seu.email seuemail someone somebody test teste tester "
    "user user1 user2 username usuario voce you your your-email your.email your_email youremail your-name "
    "your.name"
)
_PLACEHOLDERS: Final = frozenset(_PLACEHOLDERS_WORDS.split())
_USERINFO: Final = re.compile(r"://[^\s/@\"'<>]*$")
_URL_REACH: Final = 200


@cache
def _domains() -> TLDExtract:
    # Imported at the first address: it brings an HTTP client. Without list addresses and cache it stays
    # offline, on the list that it ships.
    from tldextract import TLDExtract  # noqa: PLC0415

    return TLDExtract(suffix_list_urls=(), cache_dir=None)


class EmailRecognizer(GuaritaRecognizer):
    """Finds addresses of people. Role mailboxes and placeholders score too low to be reported."""

    ENTITY = "PII_EMAIL"
    HINT = Hint("@", 66, 330)
    PATTERNS: ClassVar = (
        (
            "address",
            (
                r"(?<![\w.%+'@\-])[\w%+](?:[\w.%+'\-]{0,62}[\w%+\-])?"
                r"@(?:[^\W_](?:[\w\-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}(?![\w@\-])"
            ),
        ),
    )
    LABELS: ClassVar = (
        "e-mail",
        "email",
        "e-mails",
        "correio eletronico",
        "mail",
        "mailto",
        "chave pix",
        "contact",
        "contato",
    )

    def judge(self, candidate: Candidate) -> Verdict | None:
        """By its domain and by whom its local part names."""
        local, _, domain = candidate.value.rpartition("@")
        local, domain = local.lower(), domain.lower()
        found = _domains()(domain)
        if not found.suffix or not found.domain:
            return None
        if domain.rpartition(".")[2] in _RESERVED_TLDS or found.domain in _RESERVED_NAMES:
            return None
        before = candidate.text[max(0, candidate.start - _URL_REACH) : candidate.start + len(local)]
        if _USERINFO.search(before):
            return None  # user:password@host in a URL: a credential, which is the secrets scanner's
        plain = unaccented(local.partition("+")[0])
        if plain in _IMPERSONAL or plain in _PLACEHOLDERS or plain.startswith(("no-reply", "noreply")):
            return Verdict(0.3, (Evidence.PLACEHOLDER,))
        return Verdict(0.95 if candidate.labelled else 0.9, (Evidence.DOMAIN,))
