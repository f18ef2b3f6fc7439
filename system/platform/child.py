"""One server as the child of this process, which is the first of its container."""

import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import IO

READ_S = 5.0  # for the last lines, once the server has ended


def run(
    command: Sequence[str],
    stop: signal.Signals,
    read: Callable[[IO[bytes]], None] | None = None,
) -> int:
    """Its exit code. TERM and INT become ``stop``, the server's own signal for leaving in peace.

    ``read`` gets what the server writes to its standard output, in a thread.
    """
    child: subprocess.Popen[bytes] | None = None
    asked = False

    def end(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        if child is not None:
            child.send_signal(stop)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    child = subprocess.Popen(command, stdout=subprocess.PIPE if read else None)
    if asked:  # while it was being started
        child.send_signal(stop)
    reader = None
    if read and child.stdout:
        reader = threading.Thread(target=read, args=(child.stdout,), daemon=True)
        reader.start()
    code = child.wait()
    if reader:
        reader.join(READ_S)
    return code if code >= 0 else 128 - code
