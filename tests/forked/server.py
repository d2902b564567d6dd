"""Forks a process for each client: one thread, so that forking is safe.

A client sends its three files, then its command line, folder and environment; it gets
the number of its process, and at its end how it ended. A client that is gone takes its
process with it.
"""

from __future__ import annotations

import atexit
import datetime as dt
import gc
import importlib
import marshal
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import struct
import sys
import tempfile
import threading
import traceback
import types
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import pyiceberg.catalog
from pyiceberg.utils.config import Config

import lakebt
from lakebt import Study
from lakebt.lake import Lake
from lakebt.lake.storage import remote
from tests.lake.frames import AS_OF, bars, changes, clock

WITHOUT = (".spark", "__main__", "lakebt.backtest.reference")
"""Modules that need what may not be here, or start something."""


SENT_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What a client sends on to its process."""


def import_modules() -> None:
    """Import what lakebt has."""
    for module in pkgutil.walk_packages(lakebt.__path__, "lakebt."):
        if not any(part in module.name for part in WITHOUT):
            with suppress(ImportError):  # an extra that is not installed
                importlib.import_module(module.name)


def import_clients() -> None:
    """Import what catalogs are asked by, and read how Glue is spoken to."""
    with suppress(ImportError):
        importlib.import_module("sqlalchemy.dialects.postgresql.psycopg")
        importlib.import_module("psycopg")
    with suppress(ImportError):
        importlib.import_module("pyiceberg.catalog.glue")
        models = remote._models()  # noqa: SLF001 - kept for each process
        for kind in ("service-2", "endpoint-rule-set-1"):
            models.load_service_model("glue", kind)
        models.load_data("endpoints")


def run_a_study() -> None:
    """Import what lakebt imports late, and load its kernels."""
    rows = {
        "prices": bars(),
        "index_changes": changes(
            symbol=["AAA", "BBB"],
            announced=dt.date(2022, 9, 1),
            effective=dt.date(2022, 9, 2),
        ),
    }
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake.open(folder, clock=clock)
        lake.publish(rows, release="R1", as_of=AS_OF)
        view = lake.at("R1")
        Study(view, index="SP500", entries=["AD+1@open"], exits=["+1"]).run().table()


def import_all() -> None:
    """Import what lakebt has and what it imports late, and load its kernels."""
    import_modules()
    import_clients()
    run_a_study()
    gc.collect()
    gc.freeze()  # each process would go through it, and copy what it touches


def program(words: list[str]) -> None:
    """Run what a command line of Python names, as its main module."""
    kind, *rest = words
    if kind == "-m":
        sys.path[0] = str(Path.cwd())
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif kind == "-c":
        code, *arguments = rest
        sys.path[0] = ""
        sys.argv = [kind, *arguments]
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(code, "<string>", "exec"), vars(main))  # noqa: S102 - as Python
    elif kind.startswith("-"):
        sys.exit(f"{kind} is not an option of a process that is forked")
    else:
        sys.path[0] = str(Path(kind).resolve().parent)
        sys.argv = words
        runpy.run_path(kind, run_name="__main__")


def become(files: list[int], words: list[str], folder: str, env: Any) -> NoReturn:
    """Be the process that was asked for, from its first line to its end."""
    for place, file in enumerate(files):
        os.dup2(file, place)
    os.closerange(3, 1024)
    for number in (*SENT_ON, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # what was blocked is inherited
    os.chdir(folder)
    os.environ.clear()
    os.environb.update(env)
    setattr(pyiceberg.catalog, "_ENV_CONFIG", Config())  # noqa: B010 - read at its import
    path = os.environ.get("PYTHONPATH", "")
    sys.path[1:1] = [part for part in path.split(":") if part]
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, "utf-8", "backslashreplace", closefd=False)
    status = 1
    try:
        program(words)
        status = 0
    except SystemExit as ended:
        status = code_of(ended)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:  # noqa: BLE001 - as Python, whatever it is
        traceback.print_exc()
    finally:
        threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - as Python
        atexit._run_exitfuncs()  # noqa: SLF001
        with suppress(BrokenPipeError):
            sys.stdout.flush()
        os._exit(status)


def code_of(ended: SystemExit) -> int:
    """Return the status of a process whose program asked to end."""
    if ended.code is None or isinstance(ended.code, int):
        return (ended.code or 0) & 0xFF
    sys.stderr.write(f"{ended.code}\n")
    return 1


def asked(line: socket.socket) -> tuple[list[int], Any]:
    """Return the files and the order of a client."""
    size, files, *_ = socket.recv_fds(line, 4, 3)
    order = line.recv(struct.unpack("!i", size)[0], socket.MSG_WAITALL)
    return files, marshal.loads(order)  # noqa: S302 - of our own client


class Forks:
    """The clients, and the process of each."""

    def __init__(self, place: str) -> None:
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(place)
        self._door.listen()
        self._lines: dict[int, socket.socket] = {}
        self._ready = selectors.DefaultSelector()
        self._woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for file in (self._door, self._woken, 0):
            self._ready.register(file, selectors.EVENT_READ)

    def serve(self) -> None:
        """Fork, until whoever started this process is gone."""
        while True:
            for key, _ in self._ready.select():
                if key.fileobj == 0:
                    for process in self._lines:
                        os.kill(process, signal.SIGKILL)
                    return
                if key.fileobj == self._woken:
                    os.read(self._woken, 512)
                    self._tell()
                elif key.fileobj is self._door:
                    self._fork()
                elif key.data in self._lines:
                    os.kill(key.data, signal.SIGKILL)
                    self._ready.unregister(key.fileobj)

    def _fork(self) -> None:
        line, _ = self._door.accept()
        files, (words, folder, env) = asked(line)
        # What is sent before it hears is kept for it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SENT_ON)
        process = os.fork()
        if process == 0:
            signal.set_wakeup_fd(-1)
            become(files, words, folder, env)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for file in files:
            os.close(file)
        self._lines[process] = line
        self._ready.register(line, selectors.EVENT_READ, process)
        with suppress(OSError):
            line.sendall(struct.pack("!i", process))

    def _tell(self) -> None:
        """Tell each client whose process has ended how it did."""
        while self._lines:
            process, status = os.waitpid(-1, os.WNOHANG)
            if process == 0:
                return
            line = self._lines.pop(process)
            with suppress(KeyError):
                self._ready.unregister(line)
            with suppress(OSError):
                line.sendall(struct.pack("!i", status))
            line.close()


if __name__ == "__main__":
    import_all()
    forks = Forks(sys.argv[1])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    forks.serve()
