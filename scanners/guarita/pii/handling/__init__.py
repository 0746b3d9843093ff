"""What is done about personal data: classes of data, rules, decisions."""

from guarita.pii.handling.classes import DataClass, class_of
from guarita.pii.handling.interface import Decision, Handling, Method
from guarita.pii.handling.policy import HandlingPolicy

__all__ = ["DataClass", "Decision", "Handling", "HandlingPolicy", "Method", "class_of"]
