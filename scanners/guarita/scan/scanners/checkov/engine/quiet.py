"""Before checkov is imported: no logging, no network, no configuration, bounded memory."""

from __future__ import annotations

import logging
import os
import resource
import socket
import sys
import warnings
from typing import Any, NoReturn

MEMORY = 6 * 1024**3
"""Bytes of address space. A file that makes the parser want more is refused."""
RECURSION = 3000
"""Frames; checkov copies and walks nested data by recursion."""


def prepare() -> None:
    """Make this process a quiet one. Called before anything of checkov is imported."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.setrecursionlimit(RECURSION)
    warnings.simplefilter("ignore")
    os.environ.update(
        {
            "LOG_LEVEL": "ERROR",
            # checkov passes over hidden folders, node_modules and the like unless told otherwise.
            "CKV_IGNORE_HIDDEN_DIRECTORIES": "false",
            "CKV_IGNORED_DIRECTORIES": "\x01",
            "CHECKOV_RUN_SCA_PACKAGE_SCAN_V2": "false",
            # Threads and forks inside one worker only cost: there are several workers.
            "CHECKOV_WORKERS_NUMBER": "1",
            "CHECKOV_PARALLELIZATION_TYPE": "none",
        }
    )
    logging.disable(logging.WARNING)
    _no_network()


def _no_network() -> None:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise OSError("the network is closed to this process")

    for name in ("connect", "connect_ex", "sendto", "bind"):
        setattr(socket.socket, name, refuse)
    socket.getaddrinfo = refuse
    socket.create_connection = refuse
