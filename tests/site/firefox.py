"""A headless Firefox of the system, led by WebDriver BiDi: it brings that itself.

Playwright leads only a Firefox of its own, and other drivers are programs to be downloaded.
"""

import json
import os
import re
import subprocess
from contextlib import contextmanager

import websocket

LISTENING = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
#: Settings of a browser that nobody uses: it asks its makers for nothing.
SETTINGS = {
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "security.sandbox.content.level": 0,
    "toolkit.telemetry.enabled": False,
}
PATIENCE = 60


class Firefox:
    """A browser with one window, and what went wrong on its pages."""

    def __init__(self, socket):
        self.socket, self.count, self.problems = socket, 0, []
        self.call("session.new", capabilities={})
        self.window = self.call("browsingContext.getTree")["contexts"][0]["context"]
        self.call("session.subscribe", events=["log.entryAdded", "network.fetchError"])

    def call(self, method, **params):
        """Send a command and wait for its result; what happens meanwhile is noted."""
        self.count += 1
        self.socket.send(json.dumps({"id": self.count, "method": method, "params": params}))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == self.count:
                if answer["type"] == "error":
                    raise RuntimeError(f"{method}: {answer['message']}")
                return answer["result"]
            self._note(answer.get("method"), answer.get("params", {}))

    def _note(self, event, told):
        if event == "network.fetchError":
            self.problems.append(f"not loaded: {told['request']['url']}")
        elif event == "log.entryAdded" and told["level"] in ("warn", "error"):
            self.problems.append(f"{told['level']}: {told['text']}")

    def open(self, address, width=1280, height=900):
        """Lead the window to an address and wait until all is loaded."""
        size = {"width": width, "height": height}
        self.call("browsingContext.setViewport", context=self.window, viewport=size)
        self.call("browsingContext.navigate", context=self.window, url=address, wait="complete")

    def run(self, function):
        """Call a function of JavaScript on the page, and return what it does, as JSON can."""
        answer = self.call(
            "script.callFunction",
            functionDeclaration=f"async () => JSON.stringify((await ({function})()) ?? null)",
            target={"context": self.window},
            awaitPromise=True,
        )
        if answer["type"] != "success":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])


@contextmanager
def opened(executable, home):
    """A Firefox with a profile of its own, closed at the end.

    Args:
        executable: its path.
        home: an empty folder, where it keeps what it writes.
    """
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(to)});" for name, to in SETTINGS.items())
    (home / "user.js").write_text("\n".join(lines))
    command = [executable, "--headless", "--no-remote", "--profile", str(home)]
    process = subprocess.Popen(
        [*command, "--remote-debugging-port=0"],
        stdout=subprocess.DEVNULL,
        stderr=(home / "said.txt").open("w"),
        env=os.environ | {"HOME": str(home)},
    )
    socket = None
    try:
        socket = websocket.create_connection(
            address(process, home / "said.txt") + "/session", timeout=PATIENCE, suppress_origin=True
        )
        yield Firefox(socket)
    finally:
        if socket:
            socket.close()
        process.terminate()
        process.wait(PATIENCE)


def address(process, said):
    """Where a starting Firefox listens, which it says."""
    for _ in range(PATIENCE * 10):
        if found := LISTENING.search(said.read_text()):
            return found[1]
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        break
    raise RuntimeError(f"Firefox did not start: {said.read_text()[-500:]}")
