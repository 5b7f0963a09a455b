"""The H2O server: one JVM of our own, on loopback, that serves R's and Python's clients alike and dies with us."""

from __future__ import annotations

import http.client
import json
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from parity.errors import NothingCompared

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parity.data import Data

START_SECONDS = 90
"A JVM starts in 4 s on an idle machine; on a loaded one 20 s have been seen."
REQUEST_SECONDS = 30
"An answer takes milliseconds; with every core busy training, one of 10 s has been seen."
LOAD_SECONDS = 300
"The 14,780 rows of all zeros and ones take 2 s to parse."
POLL_SECONDS = 0.05
JVM_OPTIONS = ("-XX:+UseParallelGC", "-Xms1g", "-Dsys.ai.h2o.heartbeat.benchmark.enabled=false")
"""80 small networks cost 95 CPU seconds on two cores as Java comes and 82 with the parallel collector and a heap that
need not grow first; the server's own benchmark of the machine takes 3 more. None of them changes a result."""
SHORT_LIVED = (
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-XX:+UnlockDiagnosticVMOptions",
    "-XX:-BytecodeVerificationRemote",
    "-Dsys.ai.h2o.heartbeat.benchmark.enabled=false",
)
"""For a server that trains a handful of small models: compiling well takes longer than what is compiled would save, and
so does verifying classes of a jar that was verified when it was installed."""
PORTS = 20
"Pairs of ports to try before giving up; another process may take one between our look and the JVM's."


class H2OServer:
    """A running JVM. Use as a context manager; `start()` returns at once and `ready()` waits.

    Nothing listens beyond 127.0.0.1: REST on `port`, H2O's own traffic on the port above. The flat file that names
    this node alone keeps H2O from its multicast search for other nodes. The random cloud name tells clients that
    they have reached this server and no other.
    """

    def __init__(
        self, jar: Path, java: str = "java", folder: Path | None = None, options: tuple[str, ...] = JVM_OPTIONS
    ) -> None:
        self._jar, self._java, self._parent, self._options = jar, java, folder, options
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.name = ""

    @property
    def url(self) -> str:
        """Address for clients."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def address(self) -> dict[str, str]:
        """What engines are given as options["server"]."""
        return {"url": self.url, "name": self.name}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the JVM and return without waiting for it.

        Call from a thread that lives as long as the server is wanted: the kernel kills the JVM when that thread ends,
        however it ends (prctl's PR_SET_PDEATHSIG, through util-linux's setpriv where the system has it).
        """
        self.stop()
        self.port, self.name = free_ports(), f"parity-{secrets.token_hex(8)}"
        self._folder = tempfile.TemporaryDirectory(prefix="parity-h2o-", dir=self._parent, ignore_cleanup_errors=True)
        folder = Path(self._folder.name)
        flatfile = folder / "nodes"
        flatfile.write_text(f"127.0.0.1:{self.port}\n")
        dies_with_us = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        command = [
            *dies_with_us,
            self._java,
            *self._options,
            f"-Djava.io.tmpdir={folder}",
            *("-jar", str(self._jar)),
            *("-ip", "127.0.0.1", "-web_ip", "127.0.0.1", "-port", str(self.port)),
            *("-name", self.name, "-flatfile", str(flatfile)),
            *("-ice_root", str(folder), "-log_level", "ERRR", "-quiet"),
        ]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=(folder / "log").open("wb"),
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,  # Ctrl-C in the terminal is ours to handle, not the JVM's
        )

    @property
    def alive(self) -> bool:
        """Whether the JVM's process is running."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """Process id of the JVM."""
        return self._process.pid if self._process else None

    def ready(self) -> None:
        """Wait until the server answers under its own name; NothingCompared with Java's last words if not."""
        for _ in range(PORTS):
            deadline = time.monotonic() + START_SECONDS
            while self.alive and time.monotonic() < deadline:
                if self.answers():
                    return
                time.sleep(POLL_SECONDS)
            words = self._last_words()
            # Somebody took the port first. Theirs is left alone; ours moves on.
            if not any(sign in words.lower() for sign in ("bind", "already in use", "port ")):
                break
            self.start()
        raise NothingCompared(f"the H2O server did not start; Java's last words: {words}")

    def answers(self) -> bool:
        """Whether the server answers under its own name."""
        try:
            cloud = self._request("GET", "/3/Cloud")
        except OSError:
            return False
        return bool(cloud.get("cloud_name") == self.name and cloud.get("cloud_healthy"))

    def _last_words(self) -> str:
        if self._folder is None:
            return ""
        text = (Path(self._folder.name) / "log").read_text(errors="replace").strip()
        return " | ".join(text.splitlines()[-3:])

    def stop(self) -> None:
        """Kill the JVM and remove its files. Nothing on it is worth a graceful end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def load(self, key: str, data: Data, rows: NDArray[Any]) -> None:
        """Put rows of a data set on the server as the frame `key`: the column "label" as an enum, then the features.

        One parse of one file for all cells: a slice of it costs nothing, where an upload for every cell costs a client
        half a second of parsing the server's answer. REST calls as documented in H2O's schema: ImportFiles, Parse.
        """
        assert self._folder is not None
        path = Path(self._folder.name) / f"{key}.csv"
        write_csv(path, data, rows)
        names = ["label", *data.features]
        imported = self._request("GET", f"/3/ImportFiles?path={urllib.parse.quote(str(path))}")
        types = ["Enum", *["Numeric"] * len(data.features)]
        quoted = {
            "source_frames": json.dumps(imported["destination_frames"]),
            "column_names": json.dumps(names),
            "column_types": json.dumps(types),
        }
        fixed = {
            "destination_frame": key,
            "parse_type": "CSV",
            "separator": ord(","),
            "single_quotes": "false",
            "number_columns": len(names),
            "check_header": -1,
            "delete_on_done": "true",
            "chunk_size": 2**22,
        }
        job = self._request("POST", "/3/Parse", {**quoted, **fixed})["job"]["key"]["name"]
        deadline = time.monotonic() + LOAD_SECONDS
        while time.monotonic() < deadline:
            state = self._request("GET", f"/3/Jobs/{urllib.parse.quote(job)}")["jobs"][0]
            if state["status"] == "DONE":
                path.unlink(missing_ok=True)
                return
            if state["status"] in {"FAILED", "CANCELLED"}:
                raise NothingCompared(f"the H2O server could not read {data.name}: {state.get('exception')}")
            time.sleep(POLL_SECONDS)
        raise NothingCompared(f"the H2O server did not read {data.name} within {LOAD_SECONDS} s")

    def _request(self, method: str, path: str, fields: dict[str, Any] | None = None) -> dict[str, Any]:
        body = urllib.parse.urlencode(fields).encode() if fields else None
        request = urllib.request.Request(self.url + path, data=body, method=method)
        try:
            with urllib.request.urlopen(request, timeout=REQUEST_SECONDS) as response:
                answer: dict[str, Any] = json.load(response)
                return answer
        except (http.client.HTTPException, ValueError) as error:
            raise OSError(f"the H2O server broke off its answer to {path}: {error}") from error


def free_ports() -> int:
    """A port that is free on loopback together with the one above it."""
    for _ in range(PORTS):
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port
    raise NothingCompared("no two neighbouring ports are free on 127.0.0.1; the H2O server needs them")


def write_csv(path: Path, data: Data, rows: NDArray[Any]) -> None:
    """Rows as H2O reads them: the label first, numbers in full precision."""
    import pyarrow as pa
    from pyarrow import csv

    # Codes stand for names that data brought: H2O is told the real ones in JSON, where they need no escaping.
    columns = {"label": data.y[rows], **{f"x{i}": data.x[rows, i] for i in range(data.x.shape[1])}}
    csv.write_csv(pa.table(columns), path, csv.WriteOptions(include_header=False))
