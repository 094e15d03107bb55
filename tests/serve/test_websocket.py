"""WebSocket: every stream's events are those of a stream of its own, and a wrong one disturbs nobody."""

import json
import struct
import threading
import time
import urllib.request
from contextlib import suppress
from socket import SHUT_RDWR, create_connection

import numpy as np
import pytest
from level_classifier import SR, judge

pytest.importorskip("aiohttp", reason="needs aiohttp")
pytest.importorskip("picows", reason="needs picows")
exceptions = pytest.importorskip("websockets.exceptions", reason="needs websockets")
from serving import alone, floats, in_thread, save_tones, tones, triples  # noqa: E402
from websockets.sync.client import connect  # noqa: E402


@pytest.fixture(scope="module")
def clf():
    return judge()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tones(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def server(model):
    with in_thread(models=(model,), most_streams=20) as running:
        yield running


def talk(url, data, piece, query="sr=8000", **options):
    """Send all samples in pieces and the end; returns all messages up to the close, and its code."""
    with connect(f"{url}/v1/stream?{query}", max_queue=None, **options) as socket:
        for at in range(0, len(data), piece):
            socket.send(data[at : at + piece])
        socket.send(json.dumps({"type": "end"}))
        return [json.loads(text) for text in socket], socket.close_code


def test_events_are_those_of_a_lone_stream(server, clf):
    pcm = tones()
    said, code = talk(server.url, pcm.tobytes(), 640)
    assert said[0] == {"type": "resume", "samples": 0, "n": 0}
    assert [one["type"] for one in said[1:]] == ["event"] * (len(said) - 2) + ["done"]
    assert [one["n"] for one in said[1:-1]] == list(range(1, len(said) - 1))
    assert triples(said[1:-1]) == alone(clf, pcm) and len(said) > 4
    stream = clf.stream()
    stream.process(floats(pcm))
    stream.flush()
    prediction = stream.prediction()
    assert said[-1] == {"type": "done", "label": prediction.label, "score": prediction.score, "samples": len(pcm)}
    assert code == 1000


def test_floats_and_pcm_are_the_same(server, clf):
    pcm = tones(2, seed=3)
    said, _ = talk(server.url, floats(pcm).tobytes(), 4000, "format=float32&model=tones")
    assert triples(said[1:-1]) == alone(clf, pcm)


def test_many_at_once_with_blocks_of_their_own_sizes(server, clf):
    signals = [tones(4, seed=n) for n in range(12)]
    said = [None] * len(signals)

    def one(n):
        said[n] = talk(server.url, signals[n].tobytes(), 2 * (37 + 61 * n))[0]

    threads = [threading.Thread(target=one, args=(n,)) for n in range(len(signals))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for n, pcm in enumerate(signals):
        assert triples(said[n][1:-1]) == alone(clf, pcm)
    server.until(lambda: len(server.server.hub) == 0)


def test_a_stream_too_short_for_a_frame_has_no_label(server):
    said, code = talk(server.url, b"\0\0" * 10, 20)
    assert said[1:] == [{"type": "done", "label": None, "score": None, "samples": 10}]
    assert code == 1000


def test_probabilities_for_those_who_want_them(server, clf):
    pcm = tones(1)
    said, _ = talk(server.url, pcm.tobytes(), 1600, "probabilities=1")
    got = [row for one in said if one["type"] == "probabilities" for row in one["values"]]
    stream = clf.stream()
    stream.process(floats(pcm))
    np.testing.assert_allclose(got, stream.probabilities, atol=1e-5)


@pytest.mark.parametrize(
    ("query", "status", "needle"),
    [
        ("model=nobody", 404, "model='nobody' must be one of tones"),
        ("sr=7999", 400, "sr=7999 must be 8000, the model's rate, or one of"),
        ("sr=many", 400, "sr='many' must be a whole number"),
        ("sr=0", 400, "sr=0 must be 8000"),
        ("format=mp3", 400, "format='mp3' must be one of pcm16, float32"),
        ("id=a%20b", 400, "id='a b' must be 1 to 128 letters"),
        ("id=" + "a" * 129, 400, "must be 1 to 128 letters"),
        ("id=a&have=-1", 400, "have='-1' must be a whole number"),
        ("id=a&attempt=7", 400, "attempt='7' must be NAME.NUMBER"),
        ("id=a&attempt=a.-1", 400, "attempt='a.-1' must be NAME.NUMBER"),
    ],
)
def test_a_wrong_query_is_refused_in_one_line(server, query, status, needle):
    with pytest.raises(exceptions.InvalidStatus) as refused:
        connect(f"{server.url}/v1/stream?{query}")
    assert refused.value.response.status_code == status
    assert needle in json.loads(refused.value.response.body)["error"]
    server.until(lambda: len(server.server.hub) == 0)


@pytest.mark.parametrize(
    ("message", "needle"),
    [
        (b"\0\0\0", "message has 3 bytes; a message of format=pcm16 must have whole samples of 2 bytes"),
        ("end", "message is not valid JSON"),
        ("[]", "must be an object"),
        ('{"type": "start"}', "type='start' must be 'end'"),
        ("[" * 5000, "brackets"),
    ],
)
def test_a_wrong_message_closes_its_stream_alone(server, clf, message, needle):
    pcm = tones(1)
    with connect(f"{server.url}/v1/stream") as other, connect(f"{server.url}/v1/stream") as socket:
        other.send(pcm[:4000].tobytes())
        socket.send(message)
        said = [json.loads(socket.recv()) for _ in range(2)]
        assert said[1]["type"] == "error" and needle in said[1]["message"]
        with pytest.raises(exceptions.ConnectionClosedError) as closed:
            socket.recv()
        assert closed.value.rcvd.code == 1007
        other.send(pcm[4000:].tobytes())
        other.send('{"type": "end"}')
        assert triples(json.loads(text) for text in list(other)[1:-1]) == alone(clf, pcm)


@pytest.mark.parametrize("value", [np.nan, np.inf, 30000.0])
def test_samples_that_are_no_audio_end_their_stream_alone(server, clf, value):
    pcm = tones(1)
    with connect(f"{server.url}/v1/stream") as other, connect(f"{server.url}/v1/stream?format=float32") as socket:
        other.send(pcm.tobytes())
        socket.send(np.full(800, value, "<f4").tobytes())
        said = [json.loads(socket.recv()) for _ in range(2)]
        assert said[1]["type"] == "error" and "stream" in said[1]["message"]
        with pytest.raises(exceptions.ConnectionClosedError):
            socket.recv()
        other.send('{"type": "end"}')
        assert triples(json.loads(text) for text in list(other)[1:-1]) == alone(clf, pcm)


def test_a_giant_message_is_refused(server):
    with connect(f"{server.url}/v1/stream") as socket:
        socket.recv()
        socket.send(bytes((1 << 20) + 2))
        with pytest.raises(exceptions.ConnectionClosedError) as closed:
            socket.recv()
        assert closed.value.rcvd.code == 1009
    server.until(lambda: len(server.server.hub) == 0)


def test_above_capacity_is_503_and_a_place_comes_back(model):
    with in_thread(models=(model,), most_streams=1) as server:
        with connect(f"{server.url}/v1/stream"):
            with pytest.raises(exceptions.InvalidStatus) as refused:
                connect(f"{server.url}/v1/stream")
            assert refused.value.response.status_code == 503
            assert refused.value.response.headers["Retry-After"] == "1"
            with pytest.raises(urllib.error.HTTPError, match="503"):
                urllib.request.urlopen(f"http://127.0.0.1:{server.port}/readyz")
        server.until(lambda: len(server.server.hub) == 0)
        assert talk(server.url, bytes(800), 800)[1] == 1000


def test_a_silent_client_is_cut_and_a_long_stream_too(model):
    with in_thread(models=(model,), idle_s=0.3, most_stream_s=1.0) as server:
        with connect(f"{server.url}/v1/stream") as silent, pytest.raises(exceptions.ConnectionClosedError) as closed:
            list(silent)
            silent.recv()
        assert closed.value.rcvd.code == 4408
        with connect(f"{server.url}/v1/stream") as long, pytest.raises(exceptions.ConnectionClosedError) as closed:
            long.send(bytes(2 * 3 * SR))
            list(long)
            long.recv()
        assert closed.value.rcvd.code == 4413


def test_a_page_of_another_site_is_refused(server):
    with pytest.raises(exceptions.InvalidStatus) as refused:
        connect(f"{server.url}/v1/stream", origin="https://elsewhere.example")
    assert refused.value.response.status_code == 403
    assert talk(server.url, bytes(800), 800, origin=f"http://127.0.0.1:{server.port}")[1] == 1000


def test_a_client_that_leaves_frees_its_place(server):
    for _ in range(3):
        with connect(f"{server.url}/v1/stream") as socket:
            socket.send(bytes(12346))
            socket.socket.shutdown(SHUT_RDWR)
    server.until(lambda: len(server.server.hub) == 0)


def raw(kind, data=b"", last=True, reserved=0):
    """A client's frame, under a mask of zeros."""
    head = bytes([(0x80 if last else 0) | reserved | kind])
    size = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0x80 | 126]) + struct.pack(">H", len(data))
    return head + size + bytes(4) + data


def frames_of(data):
    """The frames of a server, (kind, content)."""
    found = []
    while data:
        size, at = data[1], 2
        if size == 126:
            size, at = struct.unpack(">H", data[2:4])[0], 4
        found.append((data[0] & 15, data[at : at + size]))
        data = data[at + size :]
    return found


def talk_raw(server, data, path="/v1/stream"):
    """Send a request and frames without waiting for an answer; returns the answer's head and the frames after it."""
    with create_connection(("127.0.0.1", server.port), timeout=20) as socket:
        socket.sendall(UPGRADE % path.encode() + data)
        said = b""
        while piece := socket.recv(1 << 16):
            said += piece
            if b"\x88" in piece:
                socket.sendall(raw(8, piece[piece.index(b"\x88") + 2 :][:2]))
    head, _, rest = said.partition(b"\r\n\r\n")
    return head, frames_of(rest)


UPGRADE = (b"GET %s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")  # fmt: skip


def test_frames_that_come_with_the_request_and_parts_of_messages_are_heard(server, clf):
    """A message may come in several frames, with pings between, and samples before the server has accepted."""
    pcm = tones(2, seed=5)
    data = pcm.tobytes()
    sent = raw(2, data[:801], last=False) + raw(9, b"are you there") + raw(0, data[801:1600])
    sent += b"".join(raw(2, data[at : at + 1600]) for at in range(1600, len(data), 1600))
    sent += raw(1, b'{"type": ', last=False) + raw(0, b'"end"}')
    head, frames = talk_raw(server, sent)
    assert head.startswith(b"HTTP/1.1 101")
    assert [content for kind, content in frames if kind == 10] == [b"are you there"]
    said = [json.loads(content) for kind, content in frames if kind == 1]
    assert triples(one for one in said if one["type"] == "event") == alone(clf, pcm)
    assert said[-1]["samples"] == len(pcm)
    assert frames[-1][0] == 8 and frames[-1][1][:2] == struct.pack(">H", 1000)
    server.until(lambda: len(server.server.hub) == 0 and len(server.server.routes.sockets) == 0)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (raw(0, b"ab"), 1002),
        (raw(2, b"ab", last=False) + raw(2, b"ab"), 1002),
        (raw(2, b"ab", reserved=0x40), 1002),
        (raw(1, b"{}", reserved=0x10), 1002),
        (raw(3, b"ab"), 1002),
        (raw(1, b"\xff"), 1007),
        (raw(2, bytes(40_000), last=False) + b"".join(raw(0, bytes(40_000), last=False) for _ in range(27)), 1009),
    ],
    ids=["no start", "no end", "compressed", "reserved", "unknown", "no UTF-8", "too large in parts"],
)
def test_frames_that_are_no_message_close_the_connection(server, sent, code):
    _, frames = talk_raw(server, sent)
    assert frames[-1][0] == 8 and struct.unpack(">H", frames[-1][1][:2])[0] == code
    server.until(lambda: len(server.server.hub) == 0)


def test_a_client_that_reads_nothing_is_cut(model, monkeypatch):
    monkeypatch.setattr("wavenetlite.serve.websocket.SEND_S", 0.3)
    with in_thread(models=(model,)) as server:
        with create_connection(("127.0.0.1", server.port)) as deaf:
            deaf.sendall(UPGRADE % b"/v1/stream?probabilities=1")
            with suppress(ConnectionError):
                for _ in range(2000):
                    deaf.sendall(raw(9, bytes(125)) * 400 + raw(2, bytes(16000)))
        server.until(lambda: len(server.server.hub) == 0)
        assert talk(server.url, bytes(800), 800)[1] == 1000


def test_a_request_that_is_no_websocket_s_is_refused(server):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{server.port}/v1/stream")
    assert refused.value.code == 400 and "must be one for a WebSocket" in json.load(refused.value)["error"]


def test_a_server_that_stood_still_cuts_nobody_for_silence(model, clf):
    pcm = tones(2)
    with in_thread(models=(model,), idle_s=0.8) as server, connect(f"{server.url}/v1/stream") as socket:
        socket.send(pcm[:SR].tobytes())
        socket.recv()
        server.loop.call_soon_threadsafe(time.sleep, 2.0)
        socket.send(pcm[SR:].tobytes())
        socket.send('{"type": "end"}')
        said = [one for one in map(json.loads, socket) if one["type"] == "event"]
    assert triples(said) == alone(clf, pcm)


def test_a_client_that_reads_again_after_our_close_but_does_not_answer_it_is_cut(model, monkeypatch):
    monkeypatch.setattr("wavenetlite.serve.websocket.CLOSE_S", 0.2)
    with in_thread(models=(model,)) as server, create_connection(("127.0.0.1", server.port)) as mute:
        mute.sendall(UPGRADE % b"/v1/stream")
        server.until(lambda: len(server.server.routes.sockets) == 1)
        (connection,) = server.server.routes.sockets._living.values()
        mute.sendall(raw(1, b'{"type": "end"}'))
        server.until(lambda: connection._closing)
        for call in (connection.pause_writing, connection.resume_writing):
            server.loop.call_soon_threadsafe(call)
        server.until(lambda: len(server.server.routes.sockets) == 0)
