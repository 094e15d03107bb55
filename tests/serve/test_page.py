"""The page in headless Chromium, with a microphone fed from a file."""

import json
import shutil
import subprocess
import time
import urllib.request

import numpy as np
import pytest

pytest.importorskip("aiohttp", reason="needs aiohttp")
pytest.importorskip("picows", reason="needs picows")
client = pytest.importorskip("websockets.sync.client", reason="needs websockets")
from level_classifier import SR  # noqa: E402
from serving import in_thread, save_tones, tones  # noqa: E402

import wavenetlite as wl  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--use-fake-ui-for-media-stream",
         "--use-fake-device-for-media-stream", "--remote-debugging-port=0"]  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with in_thread(models=(save_tones(tmp_path_factory.mktemp("page")),)) as running:
        yield running


class Browser:
    """Chromium's page, by its debugging protocol."""

    def __init__(self, folder, sound):
        command = [CHROMIUM, *FLAGS, f"--use-file-for-fake-audio-capture={sound}", f"--user-data-dir={folder}"]
        self.process = subprocess.Popen([*command, "about:blank"], stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if "DevTools listening on" in line:
                break
        port = line.split("/")[2].split(":")[1]
        pages = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/json"))
        url = next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
        self.opening = client.connect(url, max_size=None, max_queue=None)
        self.socket = self.opening.__enter__()
        self.number = 0
        self.problems = []
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": parameters}))
        while (message := json.loads(self.socket.recv(timeout=60))).get("id") != self.number:
            if message["method"] in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.problems.append(message["params"])
        assert "error" not in message, message
        return message["result"]

    def value(self, expression):
        return self.call("Runtime.evaluate", expression=expression, awaitPromise=True)["result"].get("value")

    def until(self, expression, seconds=40):
        end = time.monotonic() + seconds
        while not self.value(expression):
            assert time.monotonic() < end, (expression, self.value("document.body.innerText"), self.problems)
            time.sleep(0.1)

    def close(self):
        self.opening.__exit__(None, None, None)
        self.process.terminate()
        self.process.communicate(timeout=20)


@pytest.fixture
def browser(tmp_path):
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    wl.audio.write(tmp_path / "tones.wav", np.tile(tones(4).astype(np.float32) / 32768, 3), SR)
    made = Browser(tmp_path / "profile", tmp_path / "tones.wav")
    yield made
    made.close()


@pytest.mark.slow
def test_the_page_hears_the_microphone(server, browser):
    browser.call("Page.navigate", url=f"http://127.0.0.1:{server.port}/")
    browser.until("document.querySelector('#status')?.textContent === 'Ready'")
    assert browser.value("document.querySelectorAll('#probabilities li').length") == 3
    browser.value("document.querySelector('#listen').focus()")
    for kind in ("keyDown", "keyUp"):
        browser.call(
            "Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13, text="\r"
        )
    browser.until("document.querySelectorAll('#events tr').length >= 2")
    labels = browser.value("[...document.querySelectorAll('#events tr')].map((row) => row.cells[1].textContent).join()")
    assert set(labels.split(",")) <= {"low", "high"}
    pixels = "new Set(document.querySelector('#spectrogram').getContext('2d').getImageData(560, 0, 40, 128).data).size"
    assert browser.value(pixels) > 20
    events = browser.value("document.querySelectorAll('#events tr').length")
    for socket in list(server.server.hub._model_of):  # the connection is lost, and the stream goes on
        server.loop.call_soon_threadsafe(socket.abort)
    browser.until(f"document.querySelectorAll('#events tr').length > {events + 1}")
    assert server.count("streams_resumed_total", model="tones") >= 1
    browser.value("document.querySelector('#listen').click()")
    browser.until("document.querySelector('#listen').textContent === 'Listen'")
    server.until(lambda: not server.server.hub)
    assert browser.problems == []


def test_the_page_may_do_nothing_else(server):
    for path in ("/", "/page.css", "/page.js", "/stream.js", "/spectrogram.js", "/microphone.js", "/worklet.js"):
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}") as answer:
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy and "unsafe" not in policy
            text = answer.read().decode()
            assert "innerHTML" not in text and "http://" not in text and "https://" not in text
