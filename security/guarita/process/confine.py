"""What a worker that reads hostile input may still do: compute, within bounds, and answer. Linux only.

Bounds on memory, CPU time and file size by setrlimit(2); no network, no new program, no other process and no
change to the file system by a seccomp(2) filter, which needs no privilege and cannot be taken off again.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
from collections.abc import Iterable, Mapping
from typing import Final

from guarita.process.errors import ProcessError

_PR_SET_NO_NEW_PRIVS: Final = 38
_SECCOMP_SET_MODE_FILTER: Final = 1
_FLAG_TSYNC: Final = 1
_RET_ALLOW: Final = 0x7FFF0000
_RET_EPERM: Final = 0x00050000 | 1
_RET_KILL: Final = 0x80000000
_LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_AT_LEAST: Final = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_ANY_BIT: Final = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN: Final = 0x06
_NUMBER, _ARCH, _ARGUMENT = 0, 4, 16
_X32: Final = 0x40000000
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

_CLONE_THREAD: Final = 0x10000

# Numbers of linux/arch/*/syscall tables: (AUDIT_ARCH, seccomp, clone, which argument holds the flags of opening, denied).
_X86_64: Final = (
    0xC000003E, 317, 56, {2: 1, 257: 2},
    (
        41, 42, 43, 49, 50, 53, 288,  # socket connect accept bind listen socketpair accept4
        59, 322, 57, 58,  # execve execveat fork vfork
        62, 200, 101, 310, 311, 312, 424, 434, 438,  # kill tkill ptrace process_vm_* kcmp pidfd_*
        82, 264, 316, 83, 258, 84, 87, 263, 85, 86, 265, 88, 266,  # rename* mkdir* rmdir unlink* creat link* symlink*
        76, 90, 268, 452, 92, 94, 260, 132, 235, 261, 280,  # truncate chmod* chown* utime*
        188, 189, 190, 197, 198, 199, 133, 259, 437,  # *xattr mknod* openat2
        165, 166, 155, 161, 272, 308, 435,  # mount umount pivot_root chroot unshare setns clone3 (see below)
        248, 249, 250, 298, 321, 323, 425, 426, 427,  # keys perf_event_open bpf userfaultfd io_uring
    ),
)  # fmt: skip
_AARCH64: Final = (
    0xC00000B7, 277, 220, {56: 2},
    (
        198, 203, 202, 200, 201, 199, 242,
        221, 281,
        129, 130, 117, 270, 271, 272, 424, 434, 438,
        38, 276, 34, 35, 36, 37,
        45, 53, 452, 54, 88,
        5, 6, 7, 14, 15, 16, 33, 437,
        40, 39, 41, 51, 97, 268, 435,
        217, 218, 219, 241, 280, 282, 425, 426, 427,
    ),
)  # fmt: skip
_MACHINES: Final[Mapping[str, tuple[int, int, int, Mapping[int, int], tuple[int, ...]]]] = {
    "x86_64": _X86_64,
    "aarch64": _AARCH64,
}
_CLONE3: Final = 435
_ENOSYS: Final = 0x00050000 | 38


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def confine(*, memory: int, cpu_seconds: float | None = None) -> None:
    """Confine this process for good: `memory` in bytes of address space, `cpu_seconds` in all from now on.

    Files that are open already can still be read and written. Raises ProcessError `process.unconfined` where
    the kernel or the machine has no such filter.
    """
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if cpu_seconds is not None:
        allow_cpu(cpu_seconds)
    _filter()


def allow_cpu(seconds: float) -> None:
    """Let this process compute for so many seconds more; beyond that SIGXCPU ends it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = int(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(
        resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard)
    )


def _filter() -> None:
    try:
        arch, seccomp, clone, opens, denied = _MACHINES[platform.machine()]
    except KeyError:
        raise _unconfined(f"no filter for {platform.machine()}") from None
    code = b"".join(_instructions(arch, clone, opens, denied))
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise _unconfined(os.strerror(ctypes.get_errno()))
    # TSYNC: threads that run already are bound too.
    if libc.syscall(seccomp, _SECCOMP_SET_MODE_FILTER, _FLAG_TSYNC, ctypes.byref(program)):
        raise _unconfined(os.strerror(ctypes.get_errno()))


def _instructions(arch: int, clone: int, opens: Mapping[int, int], denied: Iterable[int]) -> Iterable[bytes]:
    """The filter in classic BPF: load, compare, return."""
    yield _code(_LOAD, _ARCH)
    yield _code(_EQUAL, arch, 1, 0)
    yield _code(_RETURN, _RET_KILL)
    yield _code(_LOAD, _NUMBER)
    # The x32 numbers of x86-64 would be a way round.
    yield _code(_AT_LEAST, _X32, 0, 1)
    yield _code(_RETURN, _RET_KILL)
    for number in denied:
        yield _code(_EQUAL, number, 0, 1)
        # glibc starts threads by clone3 and takes clone when it hears that there is none; clone's flags can be seen.
        yield _code(_RETURN, _ENOSYS if number == _CLONE3 else _RET_EPERM)
    for number, argument in opens.items():
        yield _code(_EQUAL, number, 0, 4)
        yield _code(_LOAD, _ARGUMENT + 8 * argument)
        yield _code(_ANY_BIT, _WRITING, 0, 1)
        yield _code(_RETURN, _RET_EPERM)
        yield _code(_RETURN, _RET_ALLOW)
    # Threads, and no processes.
    yield _code(_EQUAL, clone, 0, 3)
    yield _code(_LOAD, _ARGUMENT)
    yield _code(_ANY_BIT, _CLONE_THREAD, 1, 0)
    yield _code(_RETURN, _RET_EPERM)
    yield _code(_RETURN, _RET_ALLOW)


def _code(operation: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", operation, then, otherwise, value)


def _unconfined(why: str) -> ProcessError:
    return ProcessError(
        "process.unconfined",
        f"a worker cannot be confined here: {why}",
        hint="it needs Linux with seccomp filters, on x86-64 or ARM64",
    )
