"""The server is ours alone: on loopback, under a name of its own, gone with us."""

from __future__ import annotations

import http.server
import threading
import urllib.request

import psutil
import pytest

from parity.engines import h2o_server
from parity.engines.environment import h2o_jar, java
from parity.engines.h2o_server import H2OServer
from parity.errors import NothingCompared

needs_h2o = pytest.mark.skipif(h2o_jar() is None or java() is None, reason="no H2O server or no Java here")


class Stranger(http.server.BaseHTTPRequestHandler):
    """Somebody else's server, which answers as an H2O cloud of another name would."""

    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"cloud_name": "somebody", "cloud_healthy": true}')

    def log_message(self, *_: object) -> None:
        pass


@needs_h2o
def test_a_server_that_someone_else_started_on_the_port_is_neither_used_nor_disturbed(monkeypatch: pytest.MonkeyPatch):
    stranger = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stranger)
    threading.Thread(target=stranger.serve_forever, daemon=True).start()
    taken = stranger.server_address[1]
    ports = [taken]
    free = h2o_server.free_ports
    monkeypatch.setattr(h2o_server, "free_ports", lambda: ports.pop() if ports else free())
    jar, found = h2o_jar(), java()
    assert jar is not None and found is not None
    with H2OServer(jar, found.path) as server:
        server.start()
        assert server.port == taken
        server.ready()
        assert server.port != taken
        assert server.alive
        pid = server.pid
        with urllib.request.urlopen(f"http://127.0.0.1:{taken}/", timeout=5) as answer:
            assert b"somebody" in answer.read()
    assert pid is not None and not psutil.pid_exists(pid)
    assert set(Stranger.asked) <= {"/3/Cloud", "/"}
    stranger.shutdown()


def test_a_java_that_dies_at_once_is_reported_with_its_last_words(tmp_path):
    java_path = tmp_path / "java"
    java_path.write_text("#!/bin/sh\necho 'Error: Unable to access jarfile' >&2\nexit 1\n")
    java_path.chmod(0o755)
    with H2OServer(tmp_path / "h2o.jar", str(java_path)) as server:
        server.start()
        with pytest.raises(NothingCompared, match="last words: Error: Unable to access jarfile"):
            server.ready()
