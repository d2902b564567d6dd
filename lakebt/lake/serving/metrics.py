"""What a server counts, in the text that Prometheus reads. It names no table."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


PATH = "/metrics"
KIND = "text/plain; version=0.0.4; charset=utf-8"

BOUNDS_S = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 30.0)
"""Seconds up to which requests are counted together."""

_METHODS = frozenset({"GET", "HEAD", "POST", "DELETE"})


class Metrics:
    """Counts requests. Threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._within: dict[str, list[int]] = {}
        self._seconds: Counter[str] = Counter()
        self._lost = 0
        self.running = 0
        self.waiting = 0

    def begin(self) -> None:
        """Count a request that begins."""
        with self._lock:
            self.running += 1

    def end(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that ended.

        Parameters
        ----------
        method
        route
            Its path as the server declares it, with the names left open.
        status
        seconds
        """
        method = method if method in _METHODS else "other"
        with self._lock:
            self.running -= 1
            self._requests[method, route, status] += 1
            within = self._within.setdefault(route, [0] * (len(BOUNDS_S) + 1))
            within[bisect_left(BOUNDS_S, seconds)] += 1
            self._seconds[route] += seconds  # type: ignore[assignment]

    def lost(self) -> None:
        """Count an attempt to publish that came second, and was repeated."""
        with self._lock:
            self._lost += 1

    def wait(self, change: int) -> None:
        """Change the number of requests that wait to write by 1 or -1."""
        with self._lock:
            self.waiting += change

    def text(self) -> str:
        """Return all of it."""
        with self._lock:
            return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        name = "lakebt_requests_total"
        yield from _about(name, "counter", "Requests by route and status.")
        for (method, route, status), count in sorted(self._requests.items()):
            labels = {"method": method, "route": route, "status": str(status)}
            yield f"{name}{_labels(labels)} {count}"
        name = "lakebt_request_seconds"
        yield from _about(name, "histogram", "How long requests took, with waiting.")
        for route, within in sorted(self._within.items()):
            total = 0
            for bound, count in zip((*BOUNDS_S, "+Inf"), within, strict=True):
                total += count
                labels = {"route": route, "le": str(bound)}
                yield f"{name}_bucket{_labels(labels)} {total}"
            yield f"{name}_sum{_labels({'route': route})} {self._seconds[route]:.6f}"
            yield f"{name}_count{_labels({'route': route})} {total}"
        for name, kind, about, value in (
            (
                "lakebt_lost_races_total",
                "counter",
                "Commits that others were before: answered with 409, or repeated.",
                self._lost + self._conflicts(),
            ),
            (
                "lakebt_requests_running",
                "gauge",
                "Requests that are being answered.",
                self.running,
            ),
            (
                "lakebt_writes_waiting",
                "gauge",
                "Writes that wait for their turn.",
                self.waiting,
            ),
        ):
            yield from _about(name, kind, about)
            yield f"{name} {value}"

    def _conflicts(self) -> int:
        return sum(n for (_, _, status), n in self._requests.items() if status == 409)


def _about(name: str, kind: str, about: str) -> tuple[str, str]:
    return f"# HELP {name} {about}", f"# TYPE {name} {kind}"


def _labels(labels: Mapping[str, str]) -> str:
    inner = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
    return f"{{{inner}}}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
