"""A headless Chromium, driven by its own protocol over a pipe: no package is needed."""
import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe"]
PATIENCE = 240  # seconds for one answer: a machine may be slow, and busy with others' work


def find():
    """The browser's program, or None."""
    return next(filter(None, map(shutil.which, ["chromium", "chromium-browser",
                                                "google-chrome"])), None)


class Failure(Exception):
    """The browser did not do what it was asked."""


class Browser:
    """One browser with one page."""

    def __init__(self, downloads, flags=()):
        self.profile = tempfile.mkdtemp(prefix="otx-browser-")
        to_read, self.to = os.pipe()
        self.come, from_write = os.pipe()
        os.set_inheritable(to_read, True)
        os.set_inheritable(from_write, True)
        # It reads from 3 and writes to 4, whatever numbers the pipes have here.
        command = 'exec "$0" "$@" 3<&%d 4>&%d' % (to_read, from_write)
        self.process = subprocess.Popen(
            ["bash", "-c", command, find(), *FLAGS, f"--user-data-dir={self.profile}", *flags],
            pass_fds=(to_read, from_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(from_write)
        self.numbers = itertools.count(1)
        self.buffer = b""
        self.session = None
        self.said = []       # lines of the console, and what went wrong on the page
        self.fetched = []    # addresses that the page asked for
        self.finished = {}   # state of a download, by its id
        self.workers = set()  # sessions of workers that run
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target,
                                 flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "DOM", "Accessibility"):
            self.call(f"{domain}.enable")
        self.call("Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=False,
                  flatten=True)
        self.call("Browser.setDownloadBehavior", on_page=False, behavior="allow",
                  downloadPath=str(downloads), eventsEnabled=True)

    def close(self):
        try:
            self.call("Browser.close", on_page=False)
            self.process.wait(10)
        except (Failure, OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.to)
        os.close(self.come)
        shutil.rmtree(self.profile, ignore_errors=True)

    # ---- the protocol ----

    def message(self, seconds):
        """The next message, or None after so long."""
        end = time.monotonic() + seconds
        while b"\0" not in self.buffer:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.come], [], [], left)[0]:
                return None
            some = os.read(self.come, 1 << 20)
            if not some:
                raise Failure("the browser ended")
            self.buffer += some
        line, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(line)

    def event(self, message):
        method, what = message.get("method"), message.get("params", {})
        if method == "Runtime.consoleAPICalled" and what["type"] in ("error", "warning", "assert"):
            self.said.append(" ".join(str(a.get("value", a.get("description")))
                                      for a in what["args"]))
        elif method == "Runtime.exceptionThrown":
            details = what["exceptionDetails"]
            self.said.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Log.entryAdded" and what["entry"]["level"] in ("error", "warning"):
            self.said.append(what["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.fetched.append(what["request"]["url"])
        elif method == "Browser.downloadProgress":
            self.finished[what["guid"]] = what["state"]
        elif method == "Target.detachedFromTarget":
            self.workers.discard(what["sessionId"])
        elif method == "Target.attachedToTarget" and what["targetInfo"]["type"] == "worker":
            self.workers.add(what["sessionId"])
            for domain in ("Runtime", "Log", "Network"):
                self.send(f"{domain}.enable", {}, what["sessionId"])

    def send(self, method, what, session):
        number = next(self.numbers)
        call = {"id": number, "method": method, "params": what}
        if session:
            call["sessionId"] = session
        data = json.dumps(call).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data):]
        return number

    def call(self, method, on_page=True, **what):
        number = self.send(method, what, self.session if on_page else None)
        while True:
            message = self.message(PATIENCE)
            if message is None:
                raise Failure(f"{method}: no answer")
            if message.get("id") == number:
                if "error" in message:
                    raise Failure(f"{method}: {message['error']['message']}")
                return message["result"]
            self.event(message)

    def listen(self, seconds):
        """Takes what the browser has to tell for so long."""
        end = time.monotonic() + seconds
        while (message := self.message(max(end - time.monotonic(), 0))) is not None:
            self.event(message)

    # ---- the page ----

    def open(self, address):
        self.call("Page.navigate", url=address)
        self.wait("document.readyState === 'complete'")

    def run(self, script):
        """The value of an expression; a promise is waited for."""
        result = self.call("Runtime.evaluate", expression=script, awaitPromise=True,
                           returnByValue=True, userGesture=True)
        if "exceptionDetails" in result:
            raise Failure(f"{script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def until(self, holds, what, seconds):
        """The value of a function as soon as it is true."""
        end = time.monotonic() + seconds
        while not (value := holds()):
            if time.monotonic() > end:
                raise Failure(f"waited {seconds} s for {what}")
            self.listen(0.05)
        return value

    def wait(self, script, seconds=PATIENCE):
        """The value of an expression as soon as it is true."""
        return self.until(lambda: self.run(script), script, seconds)

    def drop(self, selector, *paths):
        """Drops files or directories, as from a file manager, in the middle of an element."""
        x, y = self.run(f"""(() => {{
            const e = document.querySelector({json.dumps(selector)});
            e.scrollIntoView({{ block: 'center' }});
            const r = e.getBoundingClientRect();
            return [r.left + r.width / 2, r.top + r.height / 2];
        }})()""")
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.call("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def choose(self, selector, *paths):
        """Chooses files, or a directory, in an input, as its dialog would."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path) for path in paths])

    def press(self, key, text=None, shift=False):
        codes = {"Tab": 9, "Enter": 13, " ": 32, "PageDown": 34, "End": 35, "ArrowDown": 40}
        what = {"key": key, "code": {" ": "Space"}.get(key, key), "modifiers": 8 if shift else 0,
                "windowsVirtualKeyCode": codes[key]}
        if text:
            what["text"] = text
        self.call("Input.dispatchKeyEvent", type="keyDown", **what)
        self.call("Input.dispatchKeyEvent", type="keyUp", **what)

    def downloads_end(self, count, seconds=PATIENCE):
        """Waits until so many downloads are complete."""
        self.until(lambda: sum(state == "completed" for state in self.finished.values()) >= count,
                   f"{count} downloads", seconds)

    def look(self, path, width, height, dark=False, whole=True):
        """A picture of the page on a screen of that size."""
        self.screen(width, height, dark)
        self.listen(0.3)
        picture = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        with open(path, "wb") as file:
            file.write(base64.b64decode(picture["data"]))

    def screen(self, width, height, dark=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
