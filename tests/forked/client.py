"""What a test starts: asks for a process with its files, and ends as that one does.

It imports little, for it is all that such a process costs.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import sys


def received(line: socket.socket) -> int:
    """Return the next number that is said."""
    said = line.recv(4, socket.MSG_WAITALL)
    if len(said) < 4:
        sys.exit("the process from which this one is forked has ended")
    number: int = struct.unpack("!i", said)[0]
    return number


def main() -> None:
    early: list[int] = []
    begun: list[int] = []

    def pass_on(number: int, _: object) -> None:
        """Send it on, or keep it until there is a process: none may be lost."""
        if begun:
            os.kill(begun[0], number)
        else:
            early.append(number)

    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, pass_on)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # whoever blocked one before
    line = socket.socket(socket.AF_UNIX)
    line.connect(sys.argv[1])
    folder = os.getcwd()  # noqa: PTH109 - pathlib is an import
    order = json.dumps([sys.argv[2:], folder, dict(os.environ)]).encode()
    socket.send_fds(line, [struct.pack("!i", len(order))], [0, 1, 2])
    line.sendall(order)
    begun.append(received(line))
    for number in early:
        os.kill(begun[0], number)
    status = received(line)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
