"""A loopback server that speaks the Hugging Face Hub's protocol for files: HEAD and GET of /repo/resolve/...

Of repositories it tells what GET of /api/models/repo/revision/... or /api/spaces/... gives: commit, licence, files.
"""

from __future__ import annotations

import hashlib
import json
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"
STORAGE = "/storage/"


class Hub:
    """What the server holds and has seen, and how it misbehaves.

    `serve` gives other bytes than announced; `refuse` answers a method with a status and an error code, and where
    `retry_after` is set with that header; `before_body` is called after the first byte of the body, `before_byte`
    before the byte with its number in the file; `cut` tells, for the content and the first byte asked for, how many
    bytes are sent before the connection ends (None = all), politely or with a reset; `takes_ranges` is False for a
    server that always sends the whole file; `has_storage` is True where files are kept by a second server, to which
    the first one sends the client.
    """

    def __init__(self) -> None:
        self.files: dict[tuple[str, str], bytes] = {}
        self.licences: dict[str, str] = {}
        """What the card of each repository says."""
        self.requests: list[tuple[str, str]] = []
        self.ranges: list[str | None] = []
        """What each GET asked for, in order; None = the whole file."""
        self.statuses: list[int] = []
        """How each GET was answered."""
        self.tokens: dict[str, set[str | None]] = {"hub": set(), "storage": set()}
        """The credentials that each of the two servers got to see."""
        self.serve: Callable[[bytes], bytes] = lambda content: content
        self.refuse: Callable[[str], tuple[int, str] | None] = lambda method: None
        self.retry_after: str | None = None
        self.before_body: Callable[[], None] = lambda: None
        self.before_byte: tuple[int, Callable[[], None]] | None = None
        self.cut: Callable[[bytes, int], int | None] = lambda content, start: None
        self.resets = False
        self.takes_ranges = True
        self.has_storage = False
        self.url = ""
        self.storage_url = ""

    def downloads(self) -> int:
        """Return how many times a file's bytes were asked for."""
        return sum(method == "GET" and "/resolve/" in path for method, path in self.requests)


@contextmanager
def run_hub() -> Iterator[Hub]:
    """Serve on two free ports of this machine, the Hub's and its storage's, until the block ends."""
    hub = Hub()
    with ExitStack() as stack:
        hub.url = stack.enter_context(_run(_handler(hub)))
        hub.storage_url = stack.enter_context(_run(_handler(hub)))
        yield hub


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet of clients that hang up before they have got everything; that is what the tests make them do."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def _run(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            hub.ranges.append(self.headers.get("Range"))
            self._answer(with_body=True)

        def send_response(self, code: int, message: str | None = None) -> None:
            if self.command == "GET":
                hub.statuses.append(code)
            super().send_response(code, message)

        def _answer(self, *, with_body: bool) -> None:
            hub.requests.append((self.command, self.path))
            is_stored = self.path.startswith(STORAGE)
            hub.tokens["storage" if is_stored else "hub"].add(self.headers.get("Authorization"))
            refusal = hub.refuse(self.command)
            if refusal is not None:
                self.send_response(refusal[0])
                self.send_header("X-Error-Code", refusal[1])
                if hub.retry_after is not None:
                    self.send_header("Retry-After", hub.retry_after)
                self._end_without_body()
                return
            if self.path.startswith("/api/"):
                self._tell_of_repository()
                return
            path = self.path.removeprefix(STORAGE) if is_stored else self.path
            repo, _, rest = path.lstrip("/").partition("/resolve/")
            _, _, name = rest.partition("/")
            content = hub.files.get((repo, name))
            if content is None:
                is_known = any(known == repo for known, _ in hub.files)
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound" if is_known else "RepoNotFound")
                self.send_header("X-Repo-Commit", COMMIT)
                self._end_without_body()
            elif hub.has_storage and not is_stored:
                self.send_response(302)
                self._describe(content)
                self.send_header("Location", hub.storage_url + STORAGE + path.lstrip("/"))
                self._end_without_body()
            else:
                self._send(content, is_stored=is_stored, with_body=with_body)

        def _tell_of_repository(self) -> None:
            kind, _, rest = self.path.removeprefix("/api/").partition("/")
            name = rest.partition("/revision/")[0]
            repo = name if kind == "models" else f"{kind}/{name}"
            held = {file: content for (known, file), content in hub.files.items() if known == repo}
            if not held:
                self.send_response(404)
                self.send_header("X-Error-Code", "RepoNotFound")
                self._end_without_body()
                return
            siblings = [
                {
                    "rfilename": file,
                    "size": len(content),
                    "lfs": {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 100},
                }
                for file, content in held.items()
            ]
            card = {"license": hub.licences[repo]} if repo in hub.licences else {}
            body = json.dumps({"id": name, "sha": COMMIT, "cardData": card, "siblings": siblings}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _describe(self, content: bytes) -> None:
            """Tell what the Hub alone knows of a file."""
            digest = hashlib.sha256(content).hexdigest()
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("X-Linked-ETag", f'"{digest}"')
            self.send_header("X-Linked-Size", str(len(content)))

        def _send(self, content: bytes, *, is_stored: bool, with_body: bool) -> None:
            body = hub.serve(content)
            start = self._first_byte() if hub.takes_ranges else 0
            self.send_response(206 if start else 200)
            if is_stored:  # a content store knows nothing of repositories, and has tags of its own
                self.send_header("ETag", '"of-the-storage"')
            else:
                self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
                self._describe(content)
            if hub.takes_ranges:
                self.send_header("Accept-Ranges", "bytes")
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            if not with_body:
                return
            sent = hub.cut(content, start)
            self._write(body[start:] if sent is None else body[start : start + sent], start)
            if sent is not None:
                self._hang_up()

        def _write(self, part: bytes, start: int) -> None:
            self.wfile.write(part[:1])
            self.wfile.flush()
            hub.before_body()
            pause = len(part)
            if hub.before_byte is not None and start < hub.before_byte[0] < start + len(part):
                pause = hub.before_byte[0] - start
            self.wfile.write(part[1:pause])
            self.wfile.flush()
            if pause < len(part):
                assert hub.before_byte is not None
                hub.before_byte[1]()
                self.wfile.write(part[pause:])

        def _hang_up(self) -> None:
            self.close_connection = True
            if hub.resets:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                self.connection.shutdown(socket.SHUT_WR)

        def _first_byte(self) -> int:
            asked = self.headers.get("Range", "").removeprefix("bytes=").partition("-")[0]
            return int(asked) if asked else 0

        def _end_without_body(self) -> None:
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class names it so
            """Keep the test output quiet."""

    return Handler
