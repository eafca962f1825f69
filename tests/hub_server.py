"""A loopback server that speaks the Hugging Face Hub's protocol for files: HEAD and GET of /repo/resolve/..."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """What the server holds and has seen, and how it misbehaves.

    `serve` gives other bytes than announced; `refuse` answers a method with a status and an error code; `before_body`
    is called between the headers and the body.
    """

    def __init__(self) -> None:
        self.files: dict[tuple[str, str], bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.serve: Callable[[bytes], bytes] = lambda content: content
        self.refuse: Callable[[str], tuple[int, str] | None] = lambda method: None
        self.before_body: Callable[[], None] = lambda: None
        self.url = ""

    def downloads(self) -> int:
        """Return how many times a file's bytes were asked for."""
        return sum(method == "GET" and "/resolve/" in path for method, path in self.requests)


@contextmanager
def run_hub() -> Iterator[Hub]:
    """Serve on a free port of this machine until the block ends."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
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
            self._answer(with_body=True)

        def _answer(self, *, with_body: bool) -> None:
            hub.requests.append((self.command, self.path))
            repo, _, rest = self.path.lstrip("/").partition("/resolve/")
            _, _, name = rest.partition("/")
            refusal = hub.refuse(self.command)
            if refusal is not None:
                self.send_response(refusal[0])
                self.send_header("X-Error-Code", refusal[1])
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            content = hub.files.get((repo, name))
            if content is None:
                is_known = any(known == repo for known, _ in hub.files)
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound" if is_known else "RepoNotFound")
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            digest = hashlib.sha256(content).hexdigest()
            self.send_response(200)
            self.send_header("ETag", f'"{digest}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("X-Linked-ETag", f'"{digest}"')
            self.send_header("X-Linked-Size", str(len(content)))
            self.send_header("Accept-Ranges", "bytes")
            body = hub.serve(content)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if with_body:
                self.wfile.write(body[:1])
                self.wfile.flush()
                hub.before_body()
                self.wfile.write(body[1:])

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class names it so
            """Keep the test output quiet."""

    return Handler
