"""Fetch a page and write it: an I/O-bound task that is less I/O-bound than it looks."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def fetch_and_write(url: str, write_count: int = 50) -> int:
    """Fetch one page, write its text `write_count` times into a file of its own; the page's size in bytes."""
    with urllib.request.urlopen(url) as answer:
        page = answer.read()
    with tempfile.TemporaryFile("wt", encoding="utf-8") as output:
        for _ in range(write_count):
            output.write(str(page))
    return len(page)


@contextmanager
def addresses(
    count: int = 16, delay_s: float = 0.05, page_bytes: int = 100_000, urls: Sequence[str] | None = None
) -> Iterator[Sequence[str]]:
    """`urls` as they are, or `count` addresses of a server that is up meanwhile, in a process of its own.

    It is reached from this machine alone; where workers are on other nodes, from there too, and nobody who does not
    know its path is answered.
    """
    if urls is not None:
        yield urls
        return
    host, path = os.environ.get("PIPELINE_NODE_ADDRESS", "127.0.0.1"), secrets.token_urlsafe()
    # Our own server is not behind the user's proxy; workers inherit this.
    os.environ["no_proxy"] = ",".join(filter(None, [os.environ.get("no_proxy"), host]))
    command = [sys.executable, "-S", __file__, host, str(delay_s), str(page_bytes)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(f"{path}\n")  # not in the command, which everybody on the machine can read
        server.stdin.flush()
        port = int(server.stdout.readline())
        try:
            yield [f"http://{host}:{port}/{path}/{i}" for i in range(count)]
        finally:
            server.kill()


class _Server(ThreadingHTTPServer):
    # The standard backlog of 5 drops connections from 16 clients on; each dropped one costs its client a second.
    request_queue_size = 128


def _serve(host: str, path: str, delay_s: float, page_bytes: int) -> None:
    """Answer every request below `path` with the same page after `delay_s`, until standard input closes."""
    page = bytes(ord("a") + i % 26 for i in range(page_bytes))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.startswith(f"/{path}/"):
                self.send_error(404)
                return
            time.sleep(delay_s)
            self.send_response(200)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with _Server((host, 0), Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    import threading

    arguments = sys.argv[1], sys.stdin.readline().strip(), float(sys.argv[2]), int(sys.argv[3])
    threading.Thread(target=_serve, args=arguments, daemon=True).start()
    # Whoever started us may be killed without a word: its end of our standard input closes all the same.
    sys.stdin.read()
