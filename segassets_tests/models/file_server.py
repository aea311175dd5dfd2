"""A file server for tests of downloads: ranges, slow and broken connections, and the hub's way of naming files."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class FileServer:
    """Serves `content` at every path but /absent.

    Attributes:
        break_after: bytes after which each of the next `breaks` connections is cut.
        bytes_per_s: speed limit; None sends at once.
        ranges: answer range requests.
        etag: of the file; None leaves it out.
        requests: (method, path, Range header or "") of each request.
        sent: bytes sent.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.break_after, self.breaks = 0, 0
        self.bytes_per_s: float | None = None
        self.ranges = True
        self.etag: str | None = '"v1"'
        self.requests: list[tuple[str, str, str]] = []
        self.sent = 0
        self.address = ""

    @property
    def gets(self) -> list[str]:
        """Range headers of the GET requests."""
        return [header for method, _, header in self.requests if method == "GET"]


@contextmanager
def serve(content: bytes) -> Iterator[FileServer]:
    """A running server; its `address` has no slash at the end."""
    facts = FileServer(content)

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def _answer(self, with_body: bool) -> None:
            wanted = self.headers.get("Range", "")
            facts.requests.append((self.command, self.path, wanted))
            if self.path == "/absent":
                self.send_error(404)
                return
            start = int(wanted.removeprefix("bytes=").split("-")[0] or 0) if wanted else 0
            same = self.headers.get("If-Range") in (None, facts.etag)
            start = start if facts.ranges and same else 0
            if start >= len(facts.content) > 0:
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                last = len(facts.content) - 1
                self.send_header("Content-Range", f"bytes {start}-{last}/{len(facts.content)}")
            if "/resolve/" in self.path:
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("X-Linked-Etag", f'"{hashlib.sha256(facts.content).hexdigest()}"')
            if facts.etag:
                self.send_header("ETag", facts.etag)
            self.send_header("Content-Length", str(len(facts.content) - start))
            self.end_headers()
            if with_body:
                self._send(facts.content[start:])

        def _send(self, body: bytes) -> None:
            if facts.breaks:
                facts.breaks -= 1
                body = body[: facts.break_after]
            step = 1 << 16
            for at in range(0, len(body), step):
                try:
                    self.wfile.write(body[at : at + step])
                except OSError:
                    return
                facts.sent += len(body[at : at + step])
                if facts.bytes_per_s:
                    time.sleep(step / facts.bytes_per_s)
            self.close_connection = True

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    facts.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield facts
    finally:
        server.shutdown()
        server.server_close()
