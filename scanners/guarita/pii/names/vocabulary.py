"""Words that say what stands beside them, in Portuguese and English: titles, streets, companies, relations."""

from __future__ import annotations

import re
from typing import Final

from guarita.pii.fold import unaccented

TOKEN: Final = re.compile(r"[^\W\d_]+(?:['\-](?!s\b)[^\W\d_]+)*|\d[\w]*(?:[.\-/]\d\w*)*|\S")
"""A word with what is inside it, a number, or a sign."""


def words(text: str) -> frozenset[str]:
    """Words of a text, without accents, in lower case."""
    return frozenset(text.split())


TITLES: Final = words(
    "mr mrs ms miss mx dr dra doctor prof profa professor professora sir lord lady rev reverend father sister "
    "captain capt col lt sgt gen judge justice senator president sr sra srta senhor senhora senhorita dona dom "
    "seu exmo exma ilmo ilma doutor doutora des desembargador desembargadora juiz juiza ministro ministra "
    "deputado deputada senador senadora vereador vereadora prefeito prefeita governador governadora padre frei "
    "irma irmao pastor pastora capitao coronel cel tenente sargento sgto cabo soldado delegado delegada "
    "promotor promotora advogado advogada perito perita herr frau monsieur mme mlle senor senora"
)
"""Words before a name; they are no part of it."""
ROLES: Final = words(
    "paciente pacientes aluno aluna alunos servidor servidora professor professora colega beneficiario beneficiaria "
    "reu re autor autora vitima testemunha advogado advogada motorista cliente funcionario funcionaria empregado "
    "empregada colaborador colaboradora senhor senhora senhores senhoras filho filha filhos mae pai marido esposa "
    "mulher irmao irma avo tio tia primo prima neto neta sobrinho sobrinha amigo amiga noivo noiva namorado namorada "
    "medico medica enfermeiro enfermeira diretor diretora gerente secretario secretaria presidente relator relatora "
    "ministro ministra juiz juiza desembargador desembargadora deputado deputada senador senadora prefeito prefeita "
    "vereador vereadora governador governadora delegado delegada agente investigador pesquisador pesquisadora "
    "candidato candidata suspeito suspeita acusado acusada requerente requerido herdeiro herdeira inventariante "
    "proprietario proprietaria locador locadora locatario locataria comprador vendedor socio socia titular "
    "responsavel usuario usuaria morador moradora contribuinte eleitor eleitora passageiro passageira chamado chamada "
    "patient customer client employee colleague manager boss friend wife husband son daughter brother sister mother "
    "father uncle aunt cousin nephew niece student teacher doctor nurse lawyer attorney plaintiff defendant witness "
    "victim driver passenger tenant landlord owner director secretary president senator mayor actor actress singer "
    "author writer artist player coach guitarist drummer commenter reporter analyst officer named called"
)
"""What people are called besides their names: straight before a capitalised word it mostly is one."""
PARTICLES: Final = words(
    "da das de do dos di del della dela della e y van von der den ter ten la le el al bin ibn ben du des zu"
)
"""Words within a name that need no capital."""
SUFFIXES: Final = words("jr junior filho neto sobrinho segundo ii iii iv sr phd md")
CORPORATE: Final = words(
    "inc ltd llc llp plc corp corporation company co gmbh ag kg sa s/a ltda eireli me epp group grupo holding "
    "holdings bank banco university universidade college school escola hospital clinica institute instituto "
    "foundation fundacao association associacao orchestra hotel restaurant restaurante church igreja "
    "ministerio ministry secretaria prefeitura tribunal court technologies systems solutions services servicos "
    "partners associates advogados consultoria industria comercio construtora seguros insurance industries "
    "enterprises international records airlines stadium museum museu theatre theater awards prize airport "
    "aeroporto shopping mall library biblioteca foundation sons brothers band act law lei award cup syndrome "
    "investments capital media labs software consulting logistics energy motors foods pharma studios networks "
    "ventures trust committee council disease street avenue road theorem algorithm method model engine framework"
)
"""Words after which what looks like a name is that of something else."""
LEGAL_FORMS: Final = words("inc ltd llc llp ltda gmbh plc eireli")
"""Those that mark a company in small letters too."""
STREETS_BEFORE: Final = (
    r"(?:rua|r\.|avenida|av\.?|travessa|tv\.|trav\.|alameda|al\.|pra[cç]a|p[cç]a\.?|rodovia|rod\.|estrada|estr\."
    r"|largo|viela|beco|ladeira|passagem|servid[aã]o|quadra|qd\.|conjunto|conj\.|loteamento|via|calle|rue|"
    r"piazza|plaza|ul\.|ulica)"
)
STREETS_AFTER: Final = (
    r"(?:street|st\.?|avenue|ave\.?|road|rd\.?|boulevard|blvd\.?|lane|ln\.?|drive|dr\.?|court|ct\.?|square|sq\.?"
    r"|place|pl\.?|terrace|way|highway|hwy\.?|parkway|pkwy\.?|crescent|close|row|mews|trail|circle|cir\.?)"
)
UNITS: Final = words(
    "apt apartment suite ste unit floor fl room rm flat box po building bldg block apto ap apartamento bloco bl "
    "sala sl conjunto conj cj andar casa cs lote lt quadra qd fundos sobreloja loja km caixa postal cep zip no "
    "numero num bairro nº n° psc cmr apo fpo dpo aa ae ap"
)
"""Words between the parts of an address."""
NOT_NAMES: Final = words(
    "monday tuesday wednesday thursday friday saturday sunday january february march april may june july august "
    "september october november december segunda terca quarta quinta sexta sabado domingo janeiro fevereiro "
    "marco abril maio junho julho agosto setembro outubro novembro dezembro i a o e the an and or of in on at "
    "to for from by with is was are it he she we you they my your his her our their this that hi hello dear "
    "ola oi bom boa dia tarde noite sim nao yes no ok eu ele ela nos voces voce eles elas meu minha seu sua de "
    "da do das dos em no na nos nas por para com sem que se como mas ou um uma the name nome phone telefone "
    "email mail address endereco date data cpf cnpj rg cep user usuario bot password senha api url http https "
    "json python docker linux github google windows javascript kubernetes django fastapi flask"
)
"""Words that never are a name by themselves."""

_LABEL = (
    r"(?:full |first |last |maiden |middle |given |family |account holder(?:'s)? |customer |patient |employee "
    r"|contact |father'?s |mother'?s )?name"
    r"|nome(?: completo| social| do titular| d[oa] (?:m[aã]e|pai|respons[aá]vel|cliente|paciente|aluno))?"
    r"|titular|cliente|paciente|requerente|requerid[oa]|autora?|r[eé]us?|interessad[oa]|respons[aá]vel|benefici[aá]ri[oa]"
    r"|advogad[oa]|testemunha|funcion[aá]ri[oa]|empregad[oa]|alun[oa]|filia[cç][aã]o|m[aã]e|pai|c[oô]njuge|s[oó]ci[oa]"
    r"|customer|client|patient|employee|attn|attention|signed|contact|applicant|beneficiary|holder|assinado(?: por)?"
)
INTRODUCTIONS: Final = re.compile(
    r"(?:"
    r"\b(?:my|his|her|the|your) (?:(?:full|first|last|maiden|middle|given|family) )?name(?:'s| is| was)"
    r"|\bi am|\bi'm|\bthis is|\bcall me|\bsigned(?: by)?|\b(?:kind|best) regards,|\bsincerely,|\bcheers,|\bregards,"
    r"|\b(?:meu|seu|o) nome (?:completo )?[eé]|\b(?:me|se) cham[oa](?:va)?|\bchamad[oa]|\bsou (?:o|a)|\baqui [eé] (?:o|a)"
    r"|\batenciosamente,|\batt\.?,|\babra[cç]os?,|\bassinado por|\b(?:filh[oa]|esposa|marido|vi[uú]v[oa]) de"
    r"|\b(?:eu|n[oó]s|pelo presente), "
    r"|(?:^|[\n.!?>])[ \t]*(?:prezad[oa]|car[oa]|querid[oa]|dear|hi|hello|hey|ol[aá]|oi|bom dia|boa tarde|boa noite)(?: (?:sr|sra|dr|dra)\.?)?,?"
    rf"|(?:^|[\n|;,({{\"'])[ \t\W]{{0,12}}(?:{_LABEL})\s*[:=|][ \t\"'*_]*"
    r")[ \t\n\"'*_]*",
    re.IGNORECASE,
)
"""What stands before a name and announces it."""
SPEECH: Final = words(
    "said says told asked wrote replied disse afirmou declarou explicou escreveu respondeu perguntou contou informou"
)
"""Verbs whose subject is a person."""
ABOUT_PEOPLE: Final = re.compile(
    r"\b(?:i|i'm|my|me|he|she|his|her|we|our|eu|meu|minha|ele|ela|dele|dela|moro|mora|nasci|nasceu|nascid[oa]|resido"
    r"|reside|residente|live|lives|lived|born|moved|grew|vivo|vive|natural de|domiciliad[oa]|mrs?|dr|sra?)\b",
    re.IGNORECASE,
)
"""Words of a text that speaks of somebody, so that a place in it says where somebody is."""
STATE_AND_CODE: Final = re.compile(
    r"\b(?:A[LKZR]|C[AOT]|D[EC]|FL|GA|HI|I[DLNA]|K[SY]|LA|M[EDAINSOT]|N[EVHJMYCD]|O[HKR]|PA|RI|S[CD]|T[NX]|UT"
    r"|V[TA]|W[AVIY]|A[AEP]|A[BL]|BC|MB|N[BLST]|ON|PE|QC|SK)[ ,]{1,2}(?:\d{5}(?:-\d{4})?|[A-Z]\d[A-Z] ?\d[A-Z]\d)\b"
)
"""A state of the United States or a province of Canada with a postal code."""
CITY_AND_STATE: Final = re.compile(
    r"(?<![^\W_])(?!(?:SSP|OAB|CRM|CRO|CREA|CRC|CRP|COREN|SDS|PC|PM|DETRAN|SESP|TJ|TRT|TRE|MP|IFP)\b)"
    r"(?:[A-ZÀ-Ý][\w']+(?: (?:d[aeo]s?|e) | |-)){0,4}[A-ZÀ-Ý][\w']+(?: ?[/,] ?| ?- ?)"
    r"(?:A[CLMP]|BA|CE|DF|ES|GO|M[AGST]|P[ABEIR]|R[JNORS]|S[CEP]|TO)(?![^\W_])"
)
"""A city and its state in Brazil: `Campinas/SP`, `Belo Horizonte - MG`."""


INTRODUCED_PLACE: Final = re.compile(
    r"\b(?:cidade|munic[ií]pio|comarca|vila|bairro|distrito|povoado|natural|city|town|village|suburb|county)"
    r"(?: d[aeo]s?| of|:) ((?-i:[A-ZÀ-Ý])[\w']+(?: (?:d[aeo]s? |e )?(?-i:[A-ZÀ-Ý])[\w']+){0,4})",
    re.IGNORECASE,
)
"""A place after the word for what it is."""


def folded(word: str) -> str:
    """A word as it stands in these sets."""
    return unaccented(word).lower().rstrip(".")
