"""A stand-in service: answers /ready, /live and /health; `refuse` ends at once, `sick` is never ready,
`limp` ends before it is ready, but late enough to be restarted."""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        sick = {"sick", "limp"} & set(sys.argv) and self.path == "/ready"
        body = {
            "service": "backend",
            "pid": os.getpid(),
            "status": "ok",
            "links": {"postgres": "ok"},
            "effective": {"pool_size": os.environ.get("POOL_SIZE", "10")},
        }
        self.send_response(503 if sick else 200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None: ...


if "refuse" in sys.argv:
    sys.exit("POOL_SIZE='many': expected a whole number")
if "limp" in sys.argv:
    threading.Timer(1.5, lambda: (print("out of breath", flush=True), os._exit(1))).start()
ThreadingHTTPServer(("127.0.0.1", int(os.environ["BACKEND_PORT"])), Handler).serve_forever()
