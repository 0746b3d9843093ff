"""Redaction in this process, by patterns alone: what is put where, without a worker and without the model."""

import io

from guarita.config.pii_handling import HandlingSection
from guarita.pii import Detector, Source
from guarita.pii.documents import DEFAULT_LIMITS
from guarita.pii.documents import blocks as read_blocks
from guarita.pii.handling import HandlingPolicy
from guarita.pii.inspection import Inspector
from guarita.pii.redaction.editor import PolicyEditor
from guarita.pii.redaction.interface import Choices
from guarita.pii.redaction.redact import redact

PATTERNS = Detector(names=False)


def stand_ins(wanted):
    """What the gate would answer for keyed tokens, without a key."""
    return [f"[{entity.removeprefix('PII_')}~{method[0]}:bcdf]" for method, entity, _ in wanted]


def redacted(name, data, *, handling=None, detector=PATTERNS, limits=DEFAULT_LIMITS, choices=None):
    """The bytes of a redacted document, and how many data were replaced."""
    policy = HandlingPolicy(handling or HandlingSection())
    editor = PolicyEditor(detector, policy, stand_ins)
    target = io.BytesIO()
    redact(Source(name, data=data), target, editor, limits, choices or Choices())
    return target.getvalue(), editor.count


def found(name, data, detector=PATTERNS):
    """What is found in a document: (entity, value) of everything in its spans."""
    answer, inspector = [], Inspector(detector)
    for block in read_blocks(Source(name, data=data)):
        answer += (
            (one.entity, block.text[one.start : one.end])
            for one in inspector.detections(block)
            if block.place(one.start) is not None
        )
    return answer
