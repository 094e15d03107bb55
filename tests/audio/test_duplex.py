"""Live audio: through a stand-in for the sound system, which calls back block by block."""

import sys
import tracemalloc
import types
from types import SimpleNamespace

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite import audio
from wavenetlite.commands.play import Player

nn = wl.nn


class FakeStream:
    """What sounddevice.Stream does, as far as it is used: `hear` calls back with blocks of a signal."""

    def __init__(self, *, channels, blocksize, callback, **options):
        self.channels, self.block, self.callback, self.options = channels, blocksize, callback, options
        self.state = "made"
        FakeStream.last = self

    def start(self):
        self.state = "running"

    def close(self):
        self.state = "closed"

    def hear(self, y, late=()):
        """(samples,) in; what is played, (samples, channels). In the blocks `late` the driver tells of losses."""
        made = []
        for number, first in enumerate(range(0, len(y), self.block)):
            given = np.repeat(y[first : first + self.block, None], self.channels[0], axis=1).astype(np.float32)
            played = np.full((len(given), self.channels[1]), np.nan, np.float32)
            lost = number in late
            status = SimpleNamespace(output_underflow=lost, input_overflow=lost) if lost else None
            self.callback(given, played, len(given), None, status)
            made.append(played)
        return np.concatenate(made)


@pytest.fixture
def sounddevice(monkeypatch):
    fake = types.SimpleNamespace(Stream=FakeStream)
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    return fake


def noise(samples):
    return np.random.default_rng(samples).standard_normal(samples).astype(np.float32)


def networks():
    amp = wl.Sequential([nn.Conv1d(1, 4, 3, padding="same"), nn.Tanh(), nn.Conv1d(4, 1, 5, padding="same")])
    cabinet = nn.ImpulseResponse(300)
    cabinet.load_state_dict({"weight": noise(300) / 20})
    return [amp, cabinet]


def test_what_is_played_is_what_the_networks_make_later_by_their_latency(sounddevice):
    chain, y = networks(), noise(1000)
    player = Player(chain)
    with audio.SoundDeviceDuplex(player.process, sr=48_000, block_samples=64) as duplex:
        made = FakeStream.last.hear(y)
    assert FakeStream.last.state == "closed"
    assert player.latency == 3
    expected = y[:, None]
    for network in chain:
        expected = network(expected)
    assert np.array_equal(made[: player.latency], np.zeros((3, 2)))
    for channel in made[player.latency :].T:
        assert np.array_equal(channel, expected[:-3, 0])
    assert (duplex.blocks, duplex.underruns, duplex.overflows, duplex.error) == (16, 0, 0, None)
    assert duplex.slowest_s > 0


def test_longer_blocks_than_asked_for(sounddevice):
    chain, y = [networks()[1]], noise(700)
    with audio.SoundDeviceDuplex(Player(chain).process, sr=48_000, block_samples=500):
        made = FakeStream.last.hear(y)
    assert np.array_equal(made[:, :1], chain[0](y[:, None]))


def test_a_stream_that_the_sound_system_ends_is_an_error(sounddevice):
    with audio.SoundDeviceDuplex(Player(networks()).process, sr=48_000, block_samples=10) as duplex:
        FakeStream.last.options["finished_callback"]()
    assert "the sound system has stopped the stream" in str(duplex.error)
    with audio.SoundDeviceDuplex(Player(networks()).process, sr=48_000, block_samples=10) as closed:
        pass
    FakeStream.last.options["finished_callback"]()  # as it does when it is closed
    assert closed.error is None


def test_losses_are_counted(sounddevice):
    with audio.SoundDeviceDuplex(Player(networks()).process, sr=48_000, block_samples=10) as duplex:
        FakeStream.last.hear(noise(100), late={3, 7, 8})
    assert (duplex.underruns, duplex.overflows, duplex.blocks) == (3, 3, 10)


def test_a_callback_allocates_no_arrays(sounddevice):
    player = Player(networks())
    player.reserve(1024)
    with audio.SoundDeviceDuplex(player.process, sr=48_000, block_samples=1024) as duplex:
        given, made = np.zeros((1024, 1), np.float32), np.zeros((1024, 2), np.float32)
        for _ in range(3):
            duplex._callback(given, made, 1024, None, None)
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            for _ in range(20):
                duplex._callback(given, made, 1024, None, None)
            after, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak - before < 2048  # a block of one channel is 4,096 bytes
    assert after - before < 512


def test_an_error_becomes_silence_and_is_kept(sounddevice):
    def fail(given, made):
        raise ZeroDivisionError("no")

    with audio.SoundDeviceDuplex(fail, sr=48_000, block_samples=10) as duplex:
        assert not FakeStream.last.hear(noise(30)).any()
    assert isinstance(duplex.error, ZeroDivisionError)
    assert duplex.blocks == 1


def test_infinities_from_a_driver_are_zeros():
    player = Player([networks()[1]])
    given, made = np.full((8, 1), np.inf, np.float32), np.empty((8, 1), np.float32)
    player.process(given, made)
    assert not made.any()


CLOSED = []


@pytest.mark.parametrize(("stream", "said"), [
    (lambda **options: (_ for _ in ()).throw(ValueError("no such device")), "no such device"),
    (lambda **options: SimpleNamespace(start=lambda: (_ for _ in ()).throw(RuntimeError("busy")),
                                       close=lambda: CLOSED.append(True)), "busy"),
])  # fmt: skip
def test_devices_that_cannot_be_opened(monkeypatch, stream, said):
    monkeypatch.setitem(sys.modules, "sounddevice", SimpleNamespace(Stream=stream))
    duplex = audio.SoundDeviceDuplex(lambda given, made: None, sr=48_000, block_samples=64, devices=(7, None))
    CLOSED.clear()
    with pytest.raises(audio.AudioDeviceError, match=said), duplex:
        pass
    assert len(CLOSED) == (said == "busy")


@pytest.mark.parametrize("network", [nn.Conv1d(2, 1, 3), nn.Conv1d(1, 2, 3)])
def test_only_one_channel_is_played(network):
    with pytest.raises(wl.WavenetliteError, match="one of each"):
        Player([network])


# JACK


class FakePort:
    def __init__(self, name):
        self.name, self.array = name, np.zeros(32, np.float32)

    def get_array(self):
        return self.array


class FakeClient:
    samplerate, blocksize = 48_000, 32

    def __init__(self, name, **options):
        self.connections, self.closed = [], False
        self.inports = self.outports = SimpleNamespace(register=FakePort)
        FakeClient.last = self

    def set_process_callback(self, callback):
        self.process = callback

    def set_xrun_callback(self, callback):
        self.xrun = callback

    def set_shutdown_callback(self, callback):
        self.shutdown = callback

    def activate(self):
        pass

    def get_ports(self, is_output=False, **options):
        return ["microphone"] if is_output else ["left", "right", "more"]

    def connect(self, source, target):
        self.connections.append((getattr(source, "name", source), getattr(target, "name", target)))

    def close(self):
        self.closed = True


@pytest.fixture
def jack(monkeypatch):
    monkeypatch.setitem(sys.modules, "jack", SimpleNamespace(Client=FakeClient))


def test_jack(jack):
    cabinet, y = networks()[1], noise(320)
    player = Player([cabinet])
    with audio.JackDuplex(player.process, sr=48_000) as duplex:
        client, made = FakeClient.last, []
        for first in range(0, 320, 32):
            duplex._in.array[:] = y[first : first + 32]
            client.process(32)
            made.append(duplex._out[0].array.copy())
            assert np.array_equal(*(out.array for out in duplex._out))
        client.xrun(100.0)
    assert np.array_equal(np.concatenate(made), cabinet(y[:, None])[:, 0])
    assert (duplex.underruns, duplex.blocks, duplex.block_samples) == (1, 10, 32)
    assert client.connections == [("microphone", "in"), ("out_left", "left"), ("out_right", "right")]
    assert client.closed


def test_jack_at_another_rate(jack):
    with pytest.raises(audio.AudioDeviceError, match="JACK runs at 48000 Hz; it must be 44100 Hz"):
        audio.JackDuplex(lambda given, made: None, sr=44_100).__enter__()
    assert FakeClient.last.closed


def test_jack_with_blocks_of_other_lengths(jack):
    """As PipeWire changes them while a client runs."""
    cabinet, y = networks()[1], noise(96)
    with audio.JackDuplex(Player([cabinet]).process, sr=48_000) as duplex:
        made = []
        for first, size in [(0, 32), (32, 64)]:
            duplex._in.array = y[first : first + size]
            for out in duplex._out:
                out.array = np.zeros(size, np.float32)
            FakeClient.last.process(size)
            made.append(duplex._out[0].array)
    assert np.array_equal(np.concatenate(made), cabinet(y[:, None])[:, 0])
    assert duplex.error is None and duplex.samples == 96


def test_a_server_that_stops_is_an_error(jack):
    with audio.JackDuplex(Player([networks()[1]]).process, sr=48_000) as duplex:
        FakeClient.last.shutdown(None, "the server is gone")
    assert isinstance(duplex.error, audio.AudioDeviceError) and "the server is gone" in str(duplex.error)


def test_a_refusal_of_jack_closes_the_client(jack, monkeypatch):
    monkeypatch.setattr(FakeClient, "connect", lambda *ports: (_ for _ in ()).throw(RuntimeError("no\nconnection")))
    with pytest.raises(audio.AudioDeviceError, match="JACK refuses: no connection"):
        audio.JackDuplex(lambda given, made: None, sr=48_000).__enter__()
    assert FakeClient.last.closed


def test_without_a_server(monkeypatch):
    def fail(*names, **options):
        raise OSError("no server")

    monkeypatch.setitem(sys.modules, "jack", SimpleNamespace(Client=fail))
    with pytest.raises(audio.AudioDeviceError, match="JACK cannot be reached: no server"):
        audio.JackDuplex(lambda given, made: None, sr=44_100).__enter__()
