"""Real Chromium driven over its debugging pipe: pages are loaded, clicked, typed at, printed, and nothing is faked."""

from __future__ import annotations

import base64
import fcntl
import itertools
import json
import os
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

Plain = dict[str, Any]

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

SWITCHES = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
QUIET = "--disable-component-update --disable-sync --hide-scrollbars --remote-debugging-pipe"

PATIENCE = 60
"Seconds for one answer; a browser that is silent for longer hangs."

CODES = {"Escape": 27, "Enter": 13, "Tab": 9, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
"Keys as Windows numbers them, which is how the debugging protocol wants them."


class Chromium:
    """One browser with one page. said: what the page wrote on its console; asked: the addresses that it requested."""

    def __init__(self, profile: Path) -> None:
        read_here, write_there = os.pipe()
        read_there, write_here = os.pipe()
        # Chromium reads file descriptor 3 and writes 4; whichever of these numbers the pipes had, they are free now.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (read_there, write_there)]

        def connect() -> None:
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self.started = subprocess.Popen(
            [str(CHROMIUM), *SWITCHES.split(), *QUIET.split(), f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=connect,
            pass_fds=(3, 4),
            start_new_session=True,
        )
        for end in (read_there, write_there, *ends):
            os.close(end)
        self.reading, self.writing = read_here, write_here
        self.numbers, self.rest, self.session = itertools.count(1), b"", ""
        self.events: list[Plain] = []
        self.said: list[str] = []
        self.asked: list[str] = []
        page = next(t for t in self.send("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self.session = self.send("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        self.send("Page.setLifecycleEventsEnabled", enabled=True)

    def close(self) -> None:
        """End it, with the processes that it started itself."""
        os.killpg(self.started.pid, signal.SIGKILL)
        self.started.wait()
        os.close(self.reading)
        os.close(self.writing)

    def send(self, method: str, **parameters: Any) -> Plain:
        """One command of the debugging protocol, and what it returns."""
        number = next(self.numbers)
        session = {"sessionId": self.session} if self.session else {}
        message = json.dumps({"id": number, "method": method, "params": parameters, **session})
        os.write(self.writing, message.encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                assert "error" not in answer, answer["error"]
                return dict(answer["result"])

    def _receive(self) -> Plain:
        limit = time.monotonic() + PATIENCE
        while b"\0" not in self.rest:
            assert select.select([self.reading], [], [], max(0.0, limit - time.monotonic()))[0], "Chromium is silent"
            read = os.read(self.reading, 1 << 20)
            assert read, "Chromium has ended"
            self.rest += read
        message, self.rest = self.rest.split(b"\0", 1)
        answer: Plain = json.loads(message)
        match answer.get("method"):
            case "Runtime.consoleAPICalled":
                self.said.append(json.dumps(answer["params"]["args"]))
            case "Runtime.exceptionThrown":
                self.said.append(json.dumps(answer["params"]["exceptionDetails"]))
            case "Log.entryAdded":
                self.said.append(answer["params"]["entry"]["text"])
            case "Network.requestWillBeSent":
                self.asked.append(answer["params"]["request"]["url"])
        self.events.append(answer)
        return answer

    def open(self, page: Path, address: str = "") -> None:
        """Load a page and wait until it has."""
        # From one place of a page to another a browser loads nothing; from elsewhere it does.
        for place in ("about:blank", f"file://{page}{address}"):
            self.events.clear()
            loader = self.send("Page.navigate", url=place)["loaderId"]
            while not any(_loaded(event, loader) for event in self.events):
                self._receive()

    def run(self, script: str) -> Any:
        """The value of an expression in the page, awaited."""
        found = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait for a condition in the page."""
        limit = time.monotonic() + PATIENCE
        while not self.run(f"Boolean({condition})"):
            assert time.monotonic() < limit, f"never: {condition}"
            time.sleep(0.02)

    def click(self, selector: str) -> None:
        """Press and release the mouse on the middle of an element."""
        found = f"document.querySelector({json.dumps(selector)})"
        self.run(f"{found}.scrollIntoView({{block: 'center'}})")
        box = self.run(f"{found}.getBoundingClientRect().toJSON()")
        at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2, "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, **at)

    def key(self, name: str) -> None:
        """Press and release a key."""
        common = {"key": name, "code": name, "windowsVirtualKeyCode": CODES[name]}
        text = {"text": "\r"} if name == "Enter" else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", **common, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", **common)

    def screen(self, width: int, height: int) -> None:
        """A window of that many pixels."""
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )

    def prefer(self, scheme: str) -> None:
        """What the user's system prefers: light or dark."""
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self) -> bytes:
        """What is on the screen, as PNG."""
        return base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"])

    def paper(self) -> bytes:
        """What is printed, as PDF."""
        return base64.b64decode(self.send("Page.printToPDF", preferCSSPageSize=True, printBackground=True)["data"])


def _loaded(event: Plain, loader: str) -> bool:
    told = event.get("params", {})
    return (event.get("method"), told.get("name"), told.get("loaderId")) == ("Page.lifecycleEvent", "load", loader)
