"""A starting configuration that fits the tree it is for."""

from guarita.scan.init.survey import Survey, survey
from guarita.scan.init.template import configuration

__all__ = ["Survey", "configuration", "survey"]
