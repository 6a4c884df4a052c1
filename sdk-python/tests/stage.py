"""A server of raw bytes, for faults that no HTTP server would make on purpose. Each connection is answered by the next of the given scenes."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable

Scene = Callable[[socket.socket, bytes], None]


class Stage:
    """Listens on a free port; `requests` are the heads and bodies that came, in order."""

    def __init__(self, *scenes: Scene) -> None:
        self.scenes = list(scenes)
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._over = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        # Wakes `accept`, which closing alone does not on every platform.
        with socket.socket() as waker:
            waker.connect_ex(self._listener.getsockname())
        self._listener.close()

    def _serve(self) -> None:
        index = 0
        while not self._over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if self._over.is_set():
                connection.close()
                return
            scene = self.scenes[min(index, len(self.scenes) - 1)]
            index += 1
            threading.Thread(target=self._act, args=(scene, connection), daemon=True).start()

    def _act(self, scene: Scene, connection: socket.socket) -> None:
        with connection:
            try:
                request = _request(connection)
                if request:
                    self.requests.append(request)
                    scene(connection, request)
            except OSError:
                pass


def _request(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65536)
        if not piece:
            return received
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        piece = connection.recv(65536)
        if not piece:
            break
        body += piece
    return head + b"\r\n\r\n" + body


def answer(body: bytes | str, *, status: str = "200 OK", kind: str = "application/json", headers: str = "") -> Scene:
    """A whole answer."""
    content = body.encode() if isinstance(body, str) else body

    def scene(connection: socket.socket, _: bytes) -> None:
        head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(content)}\r\nconnection: close\r\n{headers}\r\n"
        connection.sendall(head.encode() + content)

    return scene


def reset(connection: socket.socket, _: bytes) -> None:
    """The connection is reset before a byte of an answer."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def cut(sent: bytes) -> Scene:
    """An answer that ends too early."""

    def scene(connection: socket.socket, _: bytes) -> None:
        connection.sendall(sent)

    return scene


def silence(connection: socket.socket, _: bytes) -> None:
    """No answer, until the caller goes."""
    connection.recv(1)


def stall(sent: bytes) -> Scene:
    """A beginning of an answer, then nothing until the caller goes."""

    def scene(connection: socket.socket, _: bytes) -> None:
        connection.sendall(sent)
        connection.recv(1)

    return scene


def refused() -> str:
    """The URL of a port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    return f"http://127.0.0.1:{port}"
