"""The frame of the `guarita` command: what each part's commands stand on."""

from guarita.cli.context import Bars, Context
from guarita.cli.options import command_options

__all__ = ["Bars", "Context", "command_options"]
