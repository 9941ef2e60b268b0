"""Toy processes for `test_supervisor`: python -m tests.runtime.toy {serve PORT|count FILE TIMES|house PORT FILE}. Standard library only, to start at once."""

import http.server
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any


def serve(port: int) -> None:
    """Answers 200 from half a second after its start; finishes a piece of work when asked to stop."""
    print("starting", flush=True)
    time.sleep(0.5)

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", port), Answer)

    def stop(*_: Any) -> None:
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    print("serving", flush=True)
    server.serve_forever()
    time.sleep(0.5)
    print("finished its work", flush=True)


def count(file: Path, times: int) -> int:
    """Fails until it has been started that many times."""
    tries = len(file.read_text()) + 1 if file.exists() else 1
    file.write_text("x" * tries)
    return 0 if tries >= times else 3


def house(port: int) -> int:
    """A supervisor over one server, as a process of its own."""
    from runtime.supervisor import Process, run

    table = [Process("server", (sys.executable, "-m", "tests.runtime.toy", "serve", str(port)), ready=f"http://127.0.0.1:{port}/")]
    return run(table, str(Path.cwd()), "all ready")


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    if what == "serve":
        serve(int(rest[0]))
    elif what == "count":
        sys.exit(count(Path(rest[0]), int(rest[1])))
    else:
        sys.exit(house(int(rest[0])))
