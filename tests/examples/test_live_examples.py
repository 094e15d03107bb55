"""The examples of live use: the loop of `examples/live.py`, the server and clients of `examples/serve.py`."""

import subprocess
import sys

import pytest
from places import EXAMPLES

import wavenetlite as wl

pytestmark = pytest.mark.skipif(not EXAMPLES.exists(), reason="the examples do not lie beside the tests")


@pytest.fixture(scope="module")
def clf():
    return wl.load("speech-commands-12")


@pytest.fixture(scope="module")
def speech(clf):
    """Five seconds, as 16-bit samples give them."""
    y, _ = wl.audio.read(EXAMPLES / "data" / "recording.flac", sr=clf.sr, samples=8 * clf.sr)
    return y


def test_live_prints_the_events_of_a_file(tmp_path, clf, speech):
    path = tmp_path / "speech.flac"
    wl.audio.write(path, speech[: 2 * clf.sr], clf.sr)
    run = subprocess.run(
        [sys.executable, EXAMPLES / "live.py", "--file", path], capture_output=True, text=True, check=True
    )
    events = clf.stream().process(speech[: 2 * clf.sr])
    lines = run.stdout.splitlines()[1:-1]
    assert [line.split()[2] for line in lines] == [event.label for event in events]
    assert "200 blocks of 10 ms" in run.stdout


def test_live_says_what_is_wrong():
    run = subprocess.run([sys.executable, EXAMPLES / "live.py", "--file", "none.flac"], capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr.startswith("live: error: none.flac") and run.stderr.count("\n") == 1


def test_every_client_receives_what_a_lone_stream_says():
    pytest.importorskip("aiohttp", reason="needs aiohttp")
    pytest.importorskip("websockets", reason="needs websockets")
    run = subprocess.run(
        [sys.executable, EXAMPLES / "serve.py", "--clients", "3"], capture_output=True, text=True, check=True
    )
    assert "each received the events of a single stream" in run.stdout
    assert len(run.stdout.splitlines()) > 10
