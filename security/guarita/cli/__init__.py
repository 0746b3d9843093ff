"""The frame of the `guarita` command: what each part's commands stand on."""

from guarita.cli.context import Context
from guarita.cli.options import command_options

__all__ = ["Context", "command_options"]
