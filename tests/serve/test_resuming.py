"""No stream is lost: connections break, servers are drained and killed, and the events are those of a lone stream."""

import asyncio
import json
import shutil
import signal
import subprocess
import threading
import time
from socket import SHUT_RDWR, create_server

import numpy as np
import pytest
from level_classifier import SR, judge

pytest.importorskip("aiohttp", reason="needs aiohttp")
pytest.importorskip("picows", reason="needs picows")
exceptions = pytest.importorskip("websockets.exceptions", reason="needs websockets")
from serving import alone, as_process, in_thread, save_tones, tones, triples  # noqa: E402
from websockets.sync.client import connect  # noqa: E402

import wavenetlite as wl  # noqa: E402
from wavenetlite.serve.folder_store import FolderStore  # noqa: E402
from wavenetlite.serve.records import Position, read_record, write_record  # noqa: E402
from wavenetlite.serve.store import LateError, MemoryStore, StoreError  # noqa: E402


@pytest.fixture(scope="module")
def clf():
    return judge()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tones(tmp_path_factory.mktemp("model"))


def free_port():
    with create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


@pytest.fixture
def redis_url(tmp_path):
    if shutil.which("redis-server") is None:
        pytest.skip("needs redis-server")
    pytest.importorskip("redis", reason="needs redis")
    port = free_port()
    command = ["redis-server", "--port", str(port), "--save", "", "--dir", str(tmp_path), "--bind", "127.0.0.1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if "Ready to accept connections" in line:
            break
    yield f"redis://127.0.0.1:{port}/0"
    process.terminate()
    process.communicate(timeout=10)


def said_by(socket, until):
    """Messages up to the first of the kind `until`."""
    said = []
    while not said or said[-1]["type"] != until:
        said.append(json.loads(socket.recv(timeout=20)))
    return said


def test_a_broken_connection_resumes_where_it_was(model, clf):
    pcm = tones(6)
    with in_thread(models=(model,)) as server:
        query = f"{server.url}/v1/stream?id=a"
        with connect(query) as socket:
            socket.send(pcm[: 3 * SR].tobytes())
            server.until(lambda: any(one.samples == 3 * SR for one in server.server.hub._by_id.values()))
            first = said_by(socket, "resume")
            socket.socket.shutdown(SHUT_RDWR)
        server.until(lambda: len(server.server.hub) == 0)
        with connect(query) as socket:
            resumed = json.loads(socket.recv())
            assert resumed["type"] == "resume" and resumed["samples"] == 3 * SR and resumed["n"] > 0
            socket.send(pcm[3 * SR :].tobytes())
            socket.send('{"type": "end"}')
            said = said_by(socket, "done")
            assert said[-1]["samples"] == len(pcm)
    assert first[0] == {"type": "resume", "samples": 0, "n": 0}
    assert triples(said[:-1]) == alone(clf, pcm)  # what the first connection did not read came again


def test_what_the_client_has_is_not_sent_again(model, clf):
    pcm = tones(4)
    expected = alone(clf, pcm)
    with in_thread(models=(model,)) as server:
        with connect(f"{server.url}/v1/stream?id=a") as socket:
            socket.send(pcm.tobytes())
            server.until(lambda: any(one.samples == len(pcm) for one in server.server.hub._by_id.values()))
        server.until(lambda: len(server.server.hub) == 0)
        with connect(f"{server.url}/v1/stream?id=a&have=2") as socket:
            resumed = json.loads(socket.recv())
            socket.send('{"type": "end"}')
            said = said_by(socket, "done")[:-1]
    assert resumed["samples"] == len(pcm)
    assert [one["n"] for one in said] == list(range(3, len(expected) + 1))
    assert triples(said) == expected[2:]


def test_events_that_are_not_kept_any_more_are_said_to_be_lost(model, clf, monkeypatch):
    monkeypatch.setattr("wavenetlite.serve.session.KEPT", 3)
    pcm = tones(6)
    with in_thread(models=(model,)) as server:

        def missed(query, count):
            """The numbers of events that the server sends again, and the number of the last."""
            with connect(f"{server.url}/v1/stream?id=a{query}") as socket:
                n = said_by(socket, "resume")[0]["n"]
                return [json.loads(socket.recv(timeout=20))["n"] for _ in range(count)], n

        with connect(f"{server.url}/v1/stream?id=a") as socket:
            socket.send(pcm.tobytes())
            server.until(lambda: any(one.samples == len(pcm) for one in server.server.hub._by_id.values()))
        again, n = missed("", 3)
        assert again == [n - 2, n - 1, n] and n >= 4
        assert missed(f"&have={n - 3}", 3)[0] == [n - 2, n - 1, n]
        assert missed(f"&have={n - 1}", 1)[0] == [n]
        with pytest.raises(exceptions.InvalidStatus) as refused:
            missed(f"&have={n - 4}", 0)
        assert refused.value.response.status_code == 409
        assert f"events before {n - 2} are not kept any more" in json.loads(refused.value.response.body)["error"]


def test_a_new_connection_takes_a_living_stream_over(model, clf):
    pcm = tones(4)
    with in_thread(models=(model,)) as server:
        query = f"{server.url}/v1/stream?id=a"
        with connect(query) as old:
            old.send(pcm[:SR].tobytes())
            server.until(lambda: any(one.samples == SR for one in server.server.hub._by_id.values()))
            with connect(query) as new:
                assert json.loads(new.recv())["samples"] == SR
                new.send(pcm[SR:].tobytes())
                new.send('{"type": "end"}')
                said = said_by(new, "done")[:-1]
            with pytest.raises(exceptions.ConnectionClosedError) as closed:
                while True:
                    old.recv()
            assert closed.value.rcvd.code == 4409
    assert {one["n"]: one for one in said}.keys() == set(range(1, len(alone(clf, pcm)) + 1))


def test_a_finished_stream_leaves_nothing(model, tmp_path):
    with in_thread(models=(model,), store=str(tmp_path / "store")) as server:
        client = wl.client.Client(server.url, sr=SR)
        client.process(tones(1))
        client.close()
        assert client.result.samples == SR
        server.until(lambda: not list((tmp_path / "store").glob("*.stream")))
        with connect(f"{server.url}/v1/stream") as socket:  # without an id
            socket.send(bytes(SR))
        server.until(lambda: len(server.server.hub) == 0)
        assert not list((tmp_path / "store").glob("*.stream"))


def run_through(stops, model, store, pcm, sr=SR):
    """A client that speaks while its server is stopped by each of the signals; returns its events."""
    port, events, positions = free_port(), [], []
    done = threading.Event()

    def speak():
        with wl.client.Client(f"ws://127.0.0.1:{port}", sr=sr, reconnect_s=60) as client:
            for at in range(0, len(pcm), sr // 50):
                events.extend(client.process(pcm[at : at + sr // 50]))
                positions.append(at)
                time.sleep(0.004)
            events.extend(client.close())
            assert client.result.samples == len(pcm)
        done.set()

    speaker = threading.Thread(target=speak)
    for number, stop in enumerate([*stops, None]):
        with as_process(model, "--store", store, port=port) as server:
            if number == 0:
                speaker.start()
            if stop is None:
                assert done.wait(120)
            else:
                heard = len(positions) + 75
                while len(positions) < heard and not done.is_set():
                    time.sleep(0.01)
                server.kill(stop)
    speaker.join()
    return events


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "redis"])
def test_servers_are_drained_and_killed(kind, model, clf, tmp_path, request):
    store = str(tmp_path / "store") if kind == "folder" else request.getfixturevalue("redis_url")
    pcm = tones(16, seed=5)
    events = run_through([signal.SIGTERM, signal.SIGKILL, signal.SIGKILL, signal.SIGTERM], model, store, pcm)
    assert [(e.label, e.score, e.time_s) for e in events] == alone(clf, pcm)
    assert [e.n for e in events] == list(range(1, len(events) + 1))


@pytest.mark.slow
def test_a_resampled_stream_survives_too(model, tmp_path):
    pcm = np.round(wl.audio.resample(tones(8, seed=6).astype("f4") / 32768, SR, 16000) * 32767).astype("<i2")
    with in_thread(models=(model,)) as server:
        client = wl.client.Client(server.url, sr=16000)
        expected = client.process(pcm) + client.close()
    events = run_through([signal.SIGTERM, signal.SIGKILL], model, str(tmp_path / "store"), pcm, sr=16000)
    assert events == expected and len(events) > 3


def test_a_drain_tells_where_the_stream_is(model, clf, tmp_path):
    pcm = tones(4)
    store = str(tmp_path / "store")
    with as_process(model, "--store", store) as server, connect(f"{server.url}/v1/stream?id=a") as socket:
        socket.send(pcm[: 2 * SR].tobytes())
        time.sleep(0.3)
        log = server.kill(signal.SIGTERM)
        said = [json.loads(socket.recv()) for _ in range(2)]
        with pytest.raises(exceptions.ConnectionClosedError) as closed:
            while True:
                said.append(json.loads(socket.recv()))
    assert closed.value.rcvd.code == 1012
    assert said[-1] == {"type": "drain", "samples": 2 * SR}
    assert [json.loads(line)["message"] for line in log.splitlines()] == ["stopping: 1 streams", "stopped"]
    with in_thread(models=(model,), store=store) as server, connect(f"{server.url}/v1/stream?id=a") as socket:
        assert json.loads(socket.recv())["samples"] == 2 * SR


def test_a_stream_is_its_owner_s_alone(model, tmp_path):
    (tmp_path / "tokens").write_text("# who\nann  0123456789abcdef\nbob fedcba9876543210\n")
    with in_thread(models=(model,), token_file=str(tmp_path / "tokens")) as server:
        url = f"{server.url}/v1/stream?id=a"

        def as_client(token):
            return connect(url, additional_headers={"Authorization": f"Bearer {token}"})

        with as_client("0123456789abcdef") as ann:
            ann.send(bytes(2 * SR))
            with pytest.raises(exceptions.InvalidStatus) as refused:
                as_client("fedcba9876543210").__enter__()
            assert refused.value.response.status_code == 403
        server.until(lambda: len(server.server.hub) == 0)
        with pytest.raises(exceptions.InvalidStatus) as refused:
            as_client("fedcba9876543210").__enter__()
        assert refused.value.response.status_code == 403
        with as_client("0123456789abcdef") as ann:
            assert json.loads(ann.recv())["samples"] == SR


@pytest.mark.parametrize(("change", "needle"), [("sr=16000", "sr=16000 must be 8000, with which the stream began"),
                                                ("model=other", "model='other' must be 'tones'"),
                                                ("have=0", "")])  # fmt: skip
def test_a_stream_goes_on_as_it_began(model, tmp_path, change, needle):
    with in_thread(models=(model, save_tones(tmp_path, "other"))) as server:
        with connect(f"{server.url}/v1/stream?id=a") as socket:
            socket.send(bytes(2 * SR))
            socket.send(b"")
        server.until(lambda: len(server.server.hub) == 0)
        if not needle:
            with connect(f"{server.url}/v1/stream?id=a&{change}") as socket:
                assert json.loads(socket.recv())["samples"] == SR
            return
        with pytest.raises(exceptions.InvalidStatus) as refused:
            connect(f"{server.url}/v1/stream?id=a&{change}").__enter__()
        assert needle in json.loads(refused.value.response.body)["error"]


def stores(tmp_path, request):
    yield MemoryStore(100.0)
    yield FolderStore(tmp_path / "store", 100.0)
    if shutil.which("redis-server"):
        from wavenetlite.serve.redis_store import RedisStore

        yield RedisStore(request.getfixturevalue("redis_url"), 100.0)


def test_an_older_claim_cannot_write(tmp_path, request):
    async def check(store):
        assert await store.claim("a") == (1, None)
        assert await store.save({"a": (1, b"one"), "b": (1, b"other")}) == set()
        assert await store.claim("a") == (2, b"one")
        assert await store.save({"a": (1, b"stale"), "b": (1, b"new")}) == {"a"}
        await store.forget("a", 1)
        assert await store.claim("a") == (3, b"one")
        assert await store.claim("b") == (2, b"new")
        await store.forget("a", 3)
        assert (await store.claim("a"))[1] is None
        assert await store.ready()
        await store.close()

    for store in stores(tmp_path, request):
        asyncio.run(check(store))


def test_a_late_connection_claims_nothing(tmp_path, request):
    async def check(store):
        assert await store.claim("a", "ann.9") == (1, None)
        assert await store.claim("a", "ann.10") == (2, None)
        assert await store.save({"a": (2, b"one")}) == set()
        for late in ("ann.9", "ann.1"):
            with pytest.raises(LateError):
                await store.claim("a", late)
        assert await store.save({"a": (2, b"two")}) == set()
        assert await store.claim("a", "ann.10") == (3, b"two")  # a proxy asked twice
        assert await store.claim("a", "b.ann.2") == (4, b"two")  # another client
        assert await store.claim("a") == (5, b"two")
        assert await store.claim("a", "ann.1") == (6, b"two")
        await store.close()

    for store in stores(tmp_path, request):
        asyncio.run(check(store))


def test_a_damaged_file_of_the_folder_is_no_crash(tmp_path):
    async def check(store, data):
        assert await store.claim("a", "ann.1") == (1, None)
        next((tmp_path / "store").glob("*.stream")).write_bytes(data)
        number, record = await store.claim("a", "ann.1")
        assert await store.save({"a": (number, b"good"), "b": (1, b"good")}) == set()
        assert await store.claim("b") == (2, b"good")
        if record is not None:
            with pytest.raises(wl.SnapshotError, match="damaged"):
                read_record(record)
        await store.forget("a", number)
        await store.forget("b", 2)

    for data in (b"", b"\x01", bytes(8), bytes(8) + b"\xff", bytes(8) + b"\x03\xff\xfe.1", bytes(8) + b"\x05ann.1none"):
        asyncio.run(check(FolderStore(tmp_path / "store", 100.0), data))


def test_a_record_is_whole_or_refused():
    position = Position("m", 8000, "ann", 12, 3)
    for kept in ([], ['{"n": 3}'], ['{"n": 2}', '{"n": 3}']):
        record = write_record(position, kept, b"snapshot", b"")
        assert read_record(record) == (position, kept, b"snapshot", b"")
    for at in range(len(record)):
        damaged = bytearray(record)
        damaged[at] ^= 1
        for wrong in (bytes(damaged), record[:at]):
            with pytest.raises(wl.SnapshotError, match="damaged"):
                read_record(wrong)


def test_a_store_that_cannot_be_is_told(tmp_path, model):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be used"):
        FolderStore(tmp_path / "file", 1.0)
    with in_thread(models=(model,), store="redis://127.0.0.1:1/0") as server:
        with pytest.raises(exceptions.InvalidStatus) as refused:
            connect(f"{server.url}/v1/stream?id=a").__enter__()
        assert refused.value.response.status_code == 503
        with connect(f"{server.url}/v1/stream") as socket:  # without an id it needs no store
            assert json.loads(socket.recv())["samples"] == 0


def test_old_records_are_forgotten(tmp_path):
    async def check(store):
        await store.claim("a")
        await store.save({"a": (1, b"one")})
        await asyncio.sleep(0.1)
        assert (await store.claim("a"))[1] is None

    asyncio.run(check(MemoryStore(0.05)))
    asyncio.run(check(FolderStore(tmp_path / "store", 0.05)))


def test_a_connection_of_its_own_that_is_opened_late_does_not_end_a_client(model, clf):
    """A client that has waited long enough for one connection takes another, and a slow server opens the first last."""
    pcm = tones(6)
    with in_thread(models=(model,)) as server:
        client = wl.client.Client(server.url, sr=SR, format="pcm16", stream_id="late")
        events = client.process(pcm[: 3 * SR])
        opened, waited = client._sync, []

        class Slow:
            @staticmethod
            def connect(*args, **options):
                if not waited:
                    waited.append(args)
                    raise TimeoutError("timed out during opening handshake")
                return opened.connect(*args, **options)

        client._sync = Slow
        client._socket.socket.shutdown(SHUT_RDWR)
        while not waited:
            events += client.process(pcm[:0])
        for _ in range(3):
            with pytest.raises(exceptions.InvalidStatus) as refused:
                connect(waited[0][0]).__enter__()
            assert refused.value.response.status_code == 409
            assert "a later connection of this client has the stream" in refused.value.response.body.decode()
        events += client.process(pcm[3 * SR :])
        events += client.close()
        assert [(one.label, one.score, one.time_s) for one in events] == alone(clf, pcm)


@pytest.mark.parametrize("status", [408, 429, 503])
def test_a_refusal_for_want_of_time_is_not_the_end(model, monkeypatch, status):
    from websockets.datastructures import Headers
    from websockets.http11 import Response

    refusals = [exceptions.InvalidStatus(Response(status, "no time", Headers(), b"")) for _ in range(2)]

    def busy(*args, **options):
        if refusals:
            raise refusals.pop()
        return connect(*args, **options)

    monkeypatch.setattr("websockets.sync.client.connect", busy)
    with in_thread(models=(model,)) as server:
        with wl.client.Client(server.url, sr=SR) as client:
            client.process(tones(1))
        assert client.result.samples == SR and not refusals


def test_a_client_whose_stream_another_takes_says_so(model):
    with in_thread(models=(model,)) as server:
        client = wl.client.Client(server.url, sr=SR, format="pcm16", stream_id="mine")
        with connect(f"{server.url}/v1/stream?id=mine&sr={SR}&format=pcm16") as other:
            said_by(other, "resume")
            with pytest.raises(wl.client.ClientError, match="another connection has taken the stream over"):
                for _ in range(200):
                    client.process(tones(1)[:160])
                    time.sleep(0.01)
