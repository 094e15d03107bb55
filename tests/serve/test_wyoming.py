"""Wyoming: the flow of Home Assistant and of satellites, by the package's own client."""

import asyncio
import json
import os
import random

import pytest
from level_classifier import SR, judge, sound

pytest.importorskip("aiohttp", reason="needs aiohttp")
pytest.importorskip("wyoming", reason="needs wyoming")
from serving import alone, in_thread, save_tones, tones
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncClient
from wyoming.error import Error
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong
from wyoming.wake import Detect, Detection, NotDetected

from wavenetlite.serve.zeroconf import Announcement
from wavenetlite.support.errors import ParameterError

CHUNK = SR // 100
TRIES = 150
HOME_ASSISTANT = int(os.environ.get("WAVENETLITE_HOME_ASSISTANT", "40"))


@pytest.fixture(scope="module")
def clf():
    return judge()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wyoming")
    models = (save_tones(folder), save_tones(folder, "high", labels=("high", "_silence_")))
    with in_thread(models=models, wyoming_port=0, unix=str(folder / "socket")) as running:
        yield running


def run(server, talk, *arguments, address="wyoming"):
    async def connected():
        async with asyncio.timeout(60):
            async with AsyncClient.from_uri(server.addresses[address]) as client:
                return await talk(client, *arguments)

    return asyncio.run(connected())


async def speak(client, pcm, start_ms=0, sr=SR):
    await client.write_event(AudioStart(rate=sr, width=2, channels=1, timestamp=start_ms).event())
    for at in range(0, len(pcm), CHUNK):
        chunk = AudioChunk(sr, 2, 1, pcm[at : at + CHUNK].tobytes(), timestamp=start_ms + 1000 * at // sr)
        await client.write_event(chunk.event())


async def home_assistant(client, names, pcm, start_ms=0):
    """Describe, detect, audio until the first detection, and a plain close."""
    await client.write_event(Detect(names=names).event())
    speaking = asyncio.create_task(speak(client, pcm, start_ms))
    try:
        while (event := await client.read_event()) is not None:
            if Detection.is_type(event.type):
                return Detection.from_event(event)
    finally:
        speaking.cancel()
    return None


def test_it_describes_itself_with_every_field(server):
    async def ask(client):
        await client.write_event(Describe().event())
        return await client.read_event()

    for address in ("wyoming", "unix"):
        event = run(server, ask, address=address)
        info = Info.from_event(event)
        program = info.wake[0]
        assert program.installed and program.attribution.url is not None and program.version
        assert [model.name for model in program.models] == ["tones", "tones/low", "tones/high", "high"]
        assert all(model.installed and model.languages and model.attribution.name for model in program.models)
        assert [model.phrase for model in program.models] == [None, "low", "high", "high"]


@pytest.mark.parametrize("address", ["wyoming", "unix"])
def test_the_first_detection_has_the_model_s_name_and_time(server, clf, address):
    pcm = tones(3)
    label, _, time_s = alone(clf, pcm)[0]
    for name, expected in (("tones", time_s), (f"tones/{label}", time_s)):
        found = run(server, home_assistant, [name], pcm, 5000, address=address)
        assert (found.name, found.timestamp) == (name, 5000 + round(1000 * expected))
    server.until(lambda: len(server.server.hub) == 0)


def test_a_word_is_not_taken_for_another(server):
    async def listen(client):
        await client.write_event(Detect(names=["tones/high"]).event())
        await speak(client, (sound("low", SR) * 32767).astype("<i2"))
        await client.write_event(AudioStop().event())
        return await client.read_event()

    assert NotDetected.is_type(run(server, listen).type)


def test_without_names_every_model_listens(server):
    async def listen(client):
        await speak(client, (sound("high", SR) * 32767).astype("<i2"))
        await client.write_event(AudioStop().event())
        await client.write_event(Ping(text="end").event())
        names = []
        while not Pong.is_type((event := await client.read_event()).type):
            names.append(Detection.from_event(event).name)
        return names

    assert sorted(run(server, listen)) == ["high", "tones"]


def test_many_connections_leave_nothing(server):
    pcm = tones(2)

    async def often():
        async with asyncio.timeout(100 + HOME_ASSISTANT):
            for _ in range(HOME_ASSISTANT):
                async with AsyncClient.from_uri(server.addresses["wyoming"]) as client:
                    await client.write_event(Describe().event())
                    assert Info.is_type((await client.read_event()).type)
                async with AsyncClient.from_uri(server.addresses["wyoming"]) as client:
                    assert (await home_assistant(client, ["tones"], pcm)).name == "tones"

    before = server.do(tasks())
    asyncio.run(often())
    server.until(lambda: not server.server.hub and not server.server.wyoming._connections)
    assert server.do(tasks()) <= before + 1


async def tasks():
    await asyncio.sleep(0.1)
    return len(asyncio.all_tasks())


def test_another_rate_is_declared_by_the_client(server):
    async def listen(client):
        await client.write_event(Detect(names=["tones"]).event())
        await speak(client, (sound("low", 2 * SR) * 32767).astype("<i2"), sr=16000)
        await client.write_event(AudioStop().event())
        return await client.read_event()

    assert Detection.from_event(run(server, listen)).name == "tones"


@pytest.mark.parametrize(
    ("lines", "needle"),
    [
        (b'{"type": "detect", "data": {"names": ["nobody"]}}\n', "names has 'nobody'"),
        (b'{"type": "detect", "data": {"names": 5}}\n', "must be a list of names"),
        (b'{"type": "audio-start", "data": {"rate": 8000, "width": 4, "channels": 1}}\n', "width=4"),
        (b'{"type": "audio-start", "data": {"rate": 7999, "width": 2, "channels": 1}}\n', "sr=7999"),
        (b'{"type": "audio-start", "data": {"rate": "8000", "width": 2, "channels": 1}}\n', "rate='8000'"),
        (b'{"type": "audio-start"}\n', "width=None"),
        (b'{"type": "audio-chunk", "payload_length": 99999999999, "data": {}}\n', "at most 1048576"),
        (b'{"type": "x", "data_length": "many"}\n', "malformed"),
        (b'{"type": "x", "data_length": 3}\n[1]', "malformed"),
        (b"[]\n", "malformed"),
        (b"no JSON\n", "malformed"),
        (b'{"no": "type"}\n', "malformed"),
    ],
)
def test_wrong_events_are_refused_and_others_ignored(server, lines, needle):
    async def send(client):
        client._writer.write(b'{"type": "of-another-service", "data": {"a": 1}}\n' + lines)
        error = Error.from_event(await client.read_event())
        assert await client.read_event() is None
        return error.text

    assert needle in run(server, send)


def test_noise_on_the_line_hurts_nobody(server):
    rng = random.Random(0)
    start = {"type": "audio-start", "data": {"rate": SR, "width": 2, "channels": 1}}
    good = (
        json.dumps(start).encode()
        + b"\n"
        + b'{"type": "audio-chunk", "data": {"rate": 8000, "width": 2, "channels": 1}, "payload_length": 100}\n'
    )
    good += bytes(100)

    async def noise():
        host, port = server.addresses["wyoming"].removeprefix("tcp://").split(":")
        for _ in range(TRIES):
            data = bytearray(good[: rng.randrange(1, len(good))])
            for _ in range(rng.randrange(4)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            _, writer = await asyncio.open_connection(host, port)
            writer.write(bytes(data))
            await writer.drain()
            writer.close()

    asyncio.run(noise())
    server.until(lambda: not server.server.hub and not server.server.wyoming._connections)
    assert run(server, home_assistant, ["tones"], tones(2)).name == "tones"


def test_a_drain_closes_the_connection(tmp_path):
    async def wait(client):
        await client.write_event(Detect(names=["tones"]).event())
        await speak(client, tones(1)[:800])
        stopping = asyncio.create_task(asyncio.to_thread(running.stop))
        while await client.read_event() is not None:
            pass
        await stopping

    from serving import InThread

    running = InThread(models=(save_tones(tmp_path),), wyoming_port=0)
    run(running, wait)


def test_it_is_found_on_the_network(tmp_path):
    """Another program finds the port as Home Assistant looks for it; afterwards it is gone."""
    zeroconf = pytest.importorskip("zeroconf", reason="needs zeroconf")
    kind = "_wyoming._tcp.local."
    with zeroconf.Zeroconf(interfaces=["127.0.0.1"]) as browser:
        with in_thread(models=(save_tones(tmp_path),), wyoming_port=0, zeroconf="kitchen") as server:
            found = browser.get_service_info(kind, f"kitchen.{kind}", timeout=20_000)
            assert found is not None
            assert found.port == int(server.addresses["wyoming"].rpartition(":")[2])
            assert found.parsed_addresses() == ["127.0.0.1"]
        assert browser.get_service_info(kind, f"kitchen.{kind}", timeout=500) is None


def test_a_name_that_is_withdrawn_at_once_is_not_announced_afterwards():
    zeroconf = pytest.importorskip("zeroconf", reason="needs zeroconf")
    kind = "_wyoming._tcp.local."

    async def announce_and_withdraw():
        announcement = Announcement()
        await announcement.register("hall", "127.0.0.1", 10400)
        await announcement.withdraw()
        return asyncio.all_tasks() - {asyncio.current_task()}

    with zeroconf.Zeroconf(interfaces=["127.0.0.1"]) as browser:
        assert asyncio.run(announce_and_withdraw()) == set()
        assert browser.get_service_info(kind, f"hall.{kind}", timeout=500) is None


@pytest.mark.parametrize(
    ("name", "host"), [("x" * 80, "127.0.0.1"), ("", "127.0.0.1"), ("kitchen", "no.such.host.invalid")]
)
def test_what_cannot_be_announced_is_told(name, host):
    pytest.importorskip("zeroconf", reason="needs zeroconf")

    async def announce():
        announcement = Announcement()
        try:
            await announcement.register(name, host, 10400)
        finally:
            await announcement.withdraw()

    with pytest.raises(ParameterError, match=f"zeroconf='{name}' cannot be announced: ."):
        asyncio.run(announce())
