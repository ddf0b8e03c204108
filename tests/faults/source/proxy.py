"""A network that misbehaves: a TCP proxy that delays, falls silent, or cuts connections after so many bytes."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_CHUNK = 4096


@dataclass(frozen=True)
class Fault:
    """What befalls the answers of the connections from number ``first`` on (0 = the first of all).

    ``after`` bytes of answers of such a connection it is ``cut`` or, without that, falls silent and stays open; None:
    never. ``delay`` seconds pass before each chunk of at most 4 KiB.
    """

    first: int = 0
    after: int | None = None
    cut: bool = True
    delay: float = 0.0


@dataclass
class Proxy:
    """A proxy before a local port. ``answered`` counts the bytes that each connection has brought back."""

    port: int
    target: int
    fault: Fault | None = None
    answered: list[int] = field(default_factory=list)
    _open: list[socket.socket] = field(default_factory=list)

    def misbehave(self, fault: Fault | None) -> None:
        """Change what happens to connections from now on; the count begins anew."""
        self.close_all()
        self.answered.clear()
        self.fault = fault

    def close_all(self) -> None:
        """Cut what is open."""
        while self._open:
            _shut(self._open.pop())

    def serve(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the listener is closed at the end
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
                number = len(self.answered)
                self.answered.append(0)
                self._open += [client, server]
                threading.Thread(target=_forward, args=(client, server), daemon=True).start()
                threading.Thread(target=self._answer, args=(server, client, number), daemon=True).start()

    def _answer(self, server: socket.socket, client: socket.socket, number: int) -> None:
        fault = self.fault if self.fault and number >= self.fault.first else None
        left = fault.after if fault else None
        with contextlib.suppress(OSError, IndexError):
            while left != 0 and (data := server.recv(_CHUNK if left is None else min(left, _CHUNK))):
                time.sleep(fault.delay if fault else 0)
                client.sendall(data)
                self.answered[number] += len(data)
                left = None if left is None else left - len(data)
            if left == 0 and fault and not fault.cut:
                return  # silent, and open
        _shut(client)
        _shut(server)


def _forward(client: socket.socket, server: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := client.recv(_CHUNK):
            server.sendall(data)
    _shut(server)


def _shut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@contextmanager
def proxy_to(target: int) -> Iterator[Proxy]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = Proxy(listener.getsockname()[1], target)
        threading.Thread(target=proxy.serve, args=(listener,), daemon=True).start()
        try:
            yield proxy
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            proxy.close_all()
