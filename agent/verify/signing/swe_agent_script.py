"""Run a Python script as `python SCRIPT` does, and sign that it came to its own end. For the sandbox, by any Python 3.

Not signed is an end that the script did not make: `os._exit`, or `SystemExit` with status 0 raised by another file of
the repository. The key lies beside this and is removed as soon as it was read.
"""

import hashlib
import hmac
import os
import sys
import traceback
import types
from typing import Any

_FOLDER = os.path.dirname(os.path.abspath(__file__))


def _take_key() -> str:
    path = os.path.join(_FOLDER, "key")
    try:
        with open(path) as file:
            key = file.read().strip()
        os.unlink(path)
    except OSError:
        return ""
    return key


def _foreign(trace: Any, script: str, root: str) -> bool:
    """Whether an exception came through a file of the repository other than the script."""
    while trace is not None:
        file = os.path.abspath(trace.tb_frame.f_code.co_filename)
        if file != script and file.startswith(root + os.sep):
            return True
        trace = trace.tb_next
    return False


def _status_of(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def _main() -> None:
    key = _take_key()
    digest, write = hmac.new, open
    root = os.getcwd()
    del sys.argv[0]
    script = os.path.abspath(sys.argv[0])
    sys.path[0] = os.path.dirname(os.path.realpath(script))
    with open(script, "rb") as file:
        source = file.read()
    module = types.ModuleType("__main__")
    module.__dict__.update({"__file__": sys.argv[0], "__builtins__": __builtins__})
    own, sys.modules["__main__"] = sys.modules["__main__"], module
    natural = True
    try:
        exec(compile(source, sys.argv[0], "exec"), module.__dict__)
        status = 0
    except SystemExit as end:
        status = _status_of(end.code)
        natural = status != 0 or not _foreign(end.__traceback__, script, root)
    except BaseException as error:
        trace = error.__traceback__.tb_next if error.__traceback__ else None
        traceback.print_exception(type(error), error, trace)
        status = 1
    del own  # kept until here: this module's names must outlive its entry
    if key and natural:
        report = b""
        if os.path.isfile(_FOLDER + "/report.xml"):
            with write(_FOLDER + "/report.xml", "rb") as made:
                report = made.read()
        signed = digest(key.encode(), str(status).encode() + b"\n" + report, hashlib.sha256).hexdigest()
        with write(os.path.join(_FOLDER, "signature"), "w") as file:
            file.write(str(status) + " " + signed)
    sys.exit(status)


if __name__ == "__main__":
    _main()
