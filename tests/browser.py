"""A page in headless Chromium, over the DevTools protocol (https://chromedevtools.github.io/devtools-protocol) on a pipe: what it draws,
loads, complains about and tells a screen reader."""
import base64
import fcntl
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest

LIMIT = 60  # seconds for an answer


def program():
    """The browser, or a skipped test."""
    found = shutil.which("chromium")
    return found or pytest.skip("no chromium: scripts/dependencies.sh --test installs it")


def above_ten(descriptor):
    """A copy of a file descriptor that is not 3 or 4, which the browser reads and writes."""
    copy = fcntl.fcntl(descriptor, fcntl.F_DUPFD, 10)
    os.close(descriptor)
    return copy


class Browser:
    def __init__(self, folder):
        incoming, self.out = os.pipe()
        self.incoming, outgoing = os.pipe()
        incoming, outgoing = above_ten(incoming), above_ten(outgoing)
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage", "--remote-debugging-pipe",
                   f"--user-data-dir={folder}", "about:blank"]
        self.process = subprocess.Popen(["bash", "-c", f'exec "$@" 3<&{incoming} 4>&{outgoing}', "bash", program(), *options],
                                        pass_fds=(incoming, outgoing), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        os.close(incoming)
        os.close(outgoing)
        self.answers = os.fdopen(self.incoming, "rb")
        self.buffer, self.number, self.events = b"", 0, []

    def close(self):
        os.close(self.out)
        self.answers.close()
        self.process.kill()
        self.process.wait(timeout=LIMIT)

    def read(self):
        """The next message of the browser."""
        while b"\0" not in self.buffer:
            more = os.read(self.answers.fileno(), 1 << 20)
            assert more, "the browser ended"
            self.buffer += more
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def call(self, method, session=None, **parameters):
        """Call a method and return its result; events meanwhile are kept."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.out, data) :]
        while True:
            answer = self.read()
            if answer.get("id") == self.number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self.events.append(answer)

    def wait_for(self, method):
        while not any(event["method"] == method for event in self.events):
            self.events.append(self.read())


class Page:
    """A page that has loaded. dark, media ("print") and width as the reader has them."""

    def __init__(self, browser, path, width=1200, height=900, dark=False, media=""):
        self.browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setScrollbarsHidden", hidden=True)
        self.call("Emulation.setEmulatedMedia", media=media,
                  features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        browser.events.clear()
        self.url = path.resolve().as_uri()
        self.call("Page.navigate", url=self.url)
        browser.wait_for("Page.loadEventFired")
        self.run("1")  # events of the load have arrived before this answer

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def run(self, script):
        """The value of a JavaScript expression."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def seen(self, *methods):
        return [event["params"] for event in self.browser.events if event["method"] in methods]

    def complaints(self):
        """What the console shows as an error or a warning."""
        said = [entry["entry"]["text"] for entry in self.seen("Log.entryAdded")]
        return said + [str(entry) for entry in self.seen("Runtime.consoleAPICalled", "Runtime.exceptionThrown")]

    def requests(self):
        """The addresses asked for, but for the page itself and data: addresses."""
        urls = [request["request"]["url"] for request in self.seen("Network.requestWillBeSent")]
        return [url for url in urls if url != self.url and not url.startswith("data:")]

    def tree(self):
        """(role, name) of all that a screen reader is told."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"] and "role" in node]

    def screenshot(self, selector=None):
        """The pixels of an element, or of all of the page, as PNG."""
        script = "document.documentElement" if selector is None else f"document.querySelector({json.dumps(selector)})"
        box = self.run(f"(r => ({{x: r.x + scrollX, y: r.y + scrollY, width: r.width, height: r.height}}))({script}.getBoundingClientRect())")
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip={**box, "scale": 1})
        return base64.b64decode(answer["data"])


def pixels(png):
    """A PNG of 8 bits a channel as an array (height, width, 3) of uint8 (W3C PNG, section 9)."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, data, header = 8, b"", None
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at : at + 8])
        body = png[at + 8 : at + 8 + size]
        header = struct.unpack(">IIBBBBB", body) if kind == b"IHDR" else header
        data += body if kind == b"IDAT" else b""
        at += 12 + size
    width, height, depth, color, _, _, interlaced = header
    channels = {2: 3, 6: 4}[color]
    assert depth == 8 and not interlaced
    raw = np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, 1 + width * channels)
    lines = np.zeros((height + 1, width + 1, channels), np.uint8)  # with a row above and a pixel before each row, of zeros
    for y in range(height):
        filtered = raw[y, 1:].reshape(width, channels)
        line, above = lines[y + 1], lines[y]
        if raw[y, 0] == 0:
            line[1:] = filtered
        elif raw[y, 0] == 1:
            line[1:] = np.cumsum(filtered, axis=0, dtype=np.uint8)
        elif raw[y, 0] == 2:
            line[1:] = filtered + above[1:]
        else:
            undo_by_pixel(raw[y, 0], filtered, line, above)
    return lines[1:, 1:, :3]


def undo_by_pixel(kind, filtered, line, above):
    """The filters Average (3) and Paeth (4), which need the pixel to the left."""
    for x, value in enumerate(filtered.astype(int)):
        left, up, corner = line[x].astype(int), above[x + 1].astype(int), above[x].astype(int)
        if kind == 3:
            predicted = (left + up) // 2
        else:
            guess = left + up - corner
            a, b, c = abs(guess - left), abs(guess - up), abs(guess - corner)
            predicted = np.where((a <= b) & (a <= c), left, np.where(b <= c, up, corner))
        line[x + 1] = (value + predicted) % 256


def png(image):
    """The bytes of a PNG of an array (height, width, 3), as small as zlib makes it with the filter Up."""
    above = np.vstack([np.zeros_like(image[:1]), image[:-1]])
    raw = b"".join(b"\2" + line.tobytes() for line in image - above)

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", image.shape[1], image.shape[0], 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")


def main():
    """Take the picture of a page: browser.py PAGE.html PICTURE.png WIDTH HEIGHT [dark]."""
    source, target, width, height, *dark = sys.argv[1:]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Browser(folder)
        page = Page(browser, Path(source), int(width), int(height), dark=bool(dark))
        Path(target).write_bytes(png(pixels(page.screenshot())[: int(height)]))
        browser.close()


if __name__ == "__main__":
    main()
