"""The system calls that commands may make: a filter for `bwrap --seccomp`, and a profile for Docker.

The filter's format is that of `struct sock_filter` (linux/filter.h) over `struct seccomp_data` (linux/seccomp.h), its
numbers are those of the kernel's tables (arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h).
"""

from __future__ import annotations

import errno
import importlib.resources
import json
import platform
import struct

# name: its numbers on x86_64 and aarch64
_REFUSED = {
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "unshare": (272, 97), "setns": (308, 268),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431),
    "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104), "kexec_file_load": (320, 294),
    "open_by_handle_at": (304, 265), "syslog": (103, 116), "acct": (163, 89), "quotactl": (179, 60),
    "swapon": (167, 224), "swapoff": (168, 225), "reboot": (169, 142), "lookup_dcookie": (212, 18),
}  # fmt: skip
# libraries fall back from these
_ABSENT = {"io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
           "clone3": (435, 435)}  # fmt: skip
_CLONE, _SOCKET, _IOCTL = (56, 220), (41, 198), (16, 29)
_NEW_NAMESPACES = 0x7E020000  # the flags of clone(2) that make one
_FAMILIES = (1, 2, 10, 16)  # AF_UNIX, AF_INET, AF_INET6, AF_NETLINK
_TERMINAL_INPUT = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column above, AUDIT_ARCH_* (linux/audit.h)

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST, _SECOND = 0, 4, 16, 24  # offsets in seccomp_data; of arguments the lower half
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000
_X32 = 0x40000000  # the other numbering of x86_64


def filter_program(machine: str = platform.machine()) -> bytes:
    """The filter for a machine; empty for one whose numbers are not known here."""
    if machine not in _ARCHITECTURES:
        return b""
    column, architecture = _ARCHITECTURES[machine]
    program = [(_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, architecture), _error(errno.ENOSYS)]
    program.append((_LOAD, 0, 0, _NUMBER))
    if machine == "x86_64":
        program += [(_AT_LEAST, 0, 1, _X32), _error(errno.ENOSYS)]
    for table, code in ((_REFUSED, errno.EPERM), (_ABSENT, errno.ENOSYS)):
        for numbers in table.values():
            program += [(_EQUAL, 0, 1, numbers[column]), _error(code)]
    for call, argument, tests, found, other in (
        (_CLONE, _FIRST, [(_ANY_BIT, _NEW_NAMESPACES)], _error(errno.EPERM), _return(_ALLOW)),
        (_SOCKET, _FIRST, [(_EQUAL, each) for each in _FAMILIES], _return(_ALLOW), _error(errno.EAFNOSUPPORT)),
        (_IOCTL, _SECOND, [(_EQUAL, each) for each in _TERMINAL_INPUT], _error(errno.EPERM), _return(_ALLOW)),
    ):
        program += [(_EQUAL, 0, 2 * len(tests) + 2, call[column]), (_LOAD, 0, 0, argument)]
        for test, value in tests:
            program += [(test, 0, 1, value), found]
        program.append(other)
    program.append(_return(_ALLOW))
    return b"".join(struct.pack("=HBBI", *each) for each in program)


def container_profile() -> str:
    """The profile for a container, in Docker's format: the calls that `etc/syscalls` lists, and no others.

    Of the rest, those that libraries fall back from are absent. Source of the format: Docker's documentation, "Seccomp
    security profiles for Docker".
    """
    names = importlib.resources.files("sandbox").joinpath("etc", "syscalls").read_text("utf-8").split()
    plain = {"names": names, "action": "SCMP_ACT_ALLOW"}
    # a flag of clone(2) that makes a namespace: (flags & mask) must be 0
    clone = {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [_argument(0, "MASKED_EQ", _NEW_NAMESPACES, 0)]}
    sockets = [
        {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [_argument(0, "EQ", each, 0)]} for each in _FAMILIES
    ]
    # the default personality, and without randomised addresses, as debuggers ask for
    kinds = (0, 0x40000, 0xFFFFFFFF)
    personality = [
        {"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [_argument(0, "EQ", each, 0)]} for each in kinds
    ]
    absent = {"names": list(_ABSENT), "action": "SCMP_ACT_ERRNO", "errnoRet": errno.ENOSYS}
    architectures = [
        {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": []},
        {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": []},
    ]
    return json.dumps(
        {
            "defaultAction": "SCMP_ACT_ERRNO",
            "defaultErrnoRet": errno.EPERM,
            "archMap": architectures,
            "syscalls": [plain, clone, *sockets, *personality, absent],
        }
    )


def _argument(index: int, operation: str, value: int, second: int) -> dict[str, object]:
    return {"index": index, "op": f"SCMP_CMP_{operation}", "value": value, "valueTwo": second}


def _return(value: int) -> tuple[int, int, int, int]:
    return (_RETURN, 0, 0, value)


def _error(code: int) -> tuple[int, int, int, int]:
    return _return(_ERROR | code)
