"""Small services to run `waypost.yaml` against: each says who it is and what it was asked for. Ctrl-C ends them.

    python3 examples/gateway/upstreams.py [--shift N]     # N is added to each port
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SERVICES = {
    "command": [9101],
    "query": [9102, 9112],
    "orchestration": [9103, 9113],
    "modules": [9104],
    "marketplace": [9105, 9115],
    "handover": [9106, 9116],
    "webhooks": [9107],
    "integrations": [9108],
}


class Service(BaseHTTPRequestHandler):
    """Answers everything with what it saw; `/offers/…` with an offer as version 2 has it; `/fail` with 500."""

    protocol_version = "HTTP/1.1"
    name = "?"

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode(errors="replace")
        status = 500 if self.path.startswith("/fail") else 200
        if self.path.startswith("/offers/"):
            offer = self.path.removeprefix("/offers/")
            said: object = {"id": offer, "title": f"Offer {offer}", "price": {"amount": 1250, "currency": "EUR"}}
        else:
            seen = {name.lower(): value for name, value in self.headers.items() if name.lower().startswith("x-")}
            said = {"service": self.name, "port": self.server.server_address[1], "method": self.command, "path": self.path, "headers": seen, "body": body}
        text = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the gateway's log says it."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Small services to run waypost.yaml against.")
    parser.add_argument("--shift", type=int, default=0, help="added to each port")
    shift = parser.parse_args().shift
    servers = []
    for name, ports in SERVICES.items():
        for port in ports:
            handler = type(name, (Service,), {"name": name})
            server = ThreadingHTTPServer(("127.0.0.1", port + shift), handler)
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()
            servers.append(server)
    print(f"{len(servers)} services of {len(SERVICES)} kinds are there", flush=True)
    ended = threading.Event()
    for wanted in (signal.SIGINT, signal.SIGTERM):
        signal.signal(wanted, lambda *_: ended.set())
    ended.wait()
    for server in servers:
        server.shutdown()


if __name__ == "__main__":
    sys.exit(main())
