"""What a test starts: asks for a process with its files, and ends as that one does.

It imports nothing that is written in Python, for it is all that such a process costs.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import _socket
import marshal
import posix
import sys


def received(line: _socket.socket) -> int:
    """Return the next number that is said."""
    said = line.recv(4, _socket.MSG_WAITALL)
    if len(said) < 4:
        sys.exit("the process from which this one is forked has ended")
    return int.from_bytes(said, "big")


def main() -> None:
    early: list[int] = []
    begun: list[int] = []

    def pass_on(number: int, _: object) -> None:
        """Send it on, or keep it until there is a process: none may be lost."""
        if begun:
            posix.kill(begun[0], number)
        else:
            early.append(number)

    for name in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP):
        _signal.signal(name, pass_on)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())  # whoever blocked one before
    line = _socket.socket(_socket.AF_UNIX)
    line.connect(sys.argv[1])
    order = marshal.dumps((sys.argv[2:], posix.getcwd(), posix.environ))
    files = b"".join(file.to_bytes(4, sys.byteorder) for file in (0, 1, 2))
    sent = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, files)]
    line.sendmsg([len(order).to_bytes(4, "big")], sent)
    line.sendall(order)
    begun.append(received(line))
    for number in early:
        posix.kill(begun[0], number)
    status = received(line)
    if posix.WIFSIGNALED(status):
        number = posix.WTERMSIG(status)
        if number != _signal.SIGKILL:
            _signal.signal(number, _signal.SIG_DFL)
        posix.kill(posix.getpid(), number)
    posix._exit(posix.waitstatus_to_exitcode(status))  # noqa: SLF001 - public in os


if __name__ == "__main__":
    main()
