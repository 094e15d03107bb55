"""A small file may ask for any amount: what cannot be had is refused in one line, before time and memory are taken."""

import numpy as np
import pytest
from model_files import head_for

import wavenetlite as wl
from wavenetlite.nn.files import blueprint
from wavenetlite.storage.safetensors import header_bytes

nn = wl.nn
UP, ONE = {"type": "Upsample", "factor": 65536, "mode": "linear"}, {"in_channels": 1, "out_channels": 1}
CONV = {"type": "Conv1d", **ONE, "kernel_size": 1}
DOWN = {**CONV, "stride": 65536}
TRANSPOSED = {"type": "ConvTranspose1d", **ONE, "kernel_size": 1, "stride": 65536}
OVER_BINS = {"type": "ConvTranspose2d", **ONE, "kernel_size": [1, 1], "bins": 128, "stride": [65536, 512]}
MUCH = "phases and links of upsampling and over bins"

LARGE = {
    "upsampled again and again": ([CONV, *[UP] * 3], "upsampling makes 4294967296 frames of one input"),
    "up and down": ([CONV, *[UP, DOWN] * 100], MUCH),
    "transposed, up and down": ([CONV, *[TRANSPOSED, DOWN] * 30], MUCH),
    "transposed over bins": ([OVER_BINS], MUCH),
    "a long kernel of many phases": ([{**TRANSPOSED, "kernel_size": 65536}], MUCH),
    "many bins again and again": (
        [{"type": "Conv2d", **ONE, "kernel_size": [3, 1], "bins": 65536, "groups": 1}] * 20, MUCH),
}  # fmt: skip


@pytest.mark.parametrize("name", LARGE)
def test_files_that_ask_for_too_much(tmp_path, name):
    layers, message = LARGE[name]
    config = {"type": "Sequential", "layers": layers}
    try:
        shapes = blueprint(config, 2).shapes
    except wl.ParameterError:  # found before the weights are looked at
        shapes = {}
    arrays = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    path = tmp_path / "m.safetensors"
    path.write_bytes(header_bytes(head_for(config)["__metadata__"], arrays) + b"".join(map(bytes, arrays.values())))
    with pytest.raises(wl.ModelFileError, match=message) as caught:
        wl.load(path)
    assert "\n" not in str(caught.value)


def test_a_network_of_ones_own_may_be_as_large(tmp_path):
    """The work is bounded for files only; a stream's memory always is."""
    assert nn.ConvTranspose1d(1, 1, 1, stride=65536).graph().phases == 65536
    assert nn.Upsample(4096).graph(1).phases == 4096


GIGABYTES = {
    "dilation": lambda: nn.Conv1d(12_000, 1, 2, dilation=65536),
    "window": lambda: wl.Sequential([nn.Linear(1, 65536), nn.CumulativePool("mean", window_frames=65536)]),
    "upsampling": lambda: wl.Sequential([nn.Linear(1, 8192), nn.Upsample(65536)]),
}
REFUSED = r"a stream needs [\d,]+ bytes of state and [\d,]+ of workspace, together more than 419,430,400"


@pytest.mark.parametrize("name", GIGABYTES)
def test_a_stream_of_gigabytes_is_refused_before_it_is_made(name):
    made = GIGABYTES[name]()
    for use in (made.stream, lambda: made.pool(1), made.plan):
        with pytest.raises(wl.ParameterError, match=REFUSED):
            use()


STATEFUL = {
    "conv": lambda: nn.Conv1d(12, 8, 3, dilation=99),
    "lstm": lambda: nn.LSTM(3, 500),
    "gru": lambda: nn.GRU(3, 500),
    "cumulative mean": lambda: wl.Sequential([nn.Linear(3, 500), nn.CumulativePool("mean")]),
}


@pytest.mark.parametrize("name", STATEFUL)
def test_all_of_a_streams_state_is_counted(monkeypatch, name):
    """What layers keep besides their past frames, too; rounding up to whole lines of memory is not."""
    taken = STATEFUL[name]().stream().state_bytes
    monkeypatch.setenv("WAVENETLITE_STREAM_BYTES", "1")
    with pytest.raises(wl.ParameterError, match="bytes of state") as caught:
        STATEFUL[name]().stream()  # another one: a model plans once
    named = int(str(caught.value).split(" needs ")[1].split()[0].replace(",", ""))
    assert taken - 256 < named <= taken


def test_a_pool_beyond_the_machine_is_refused():
    model = nn.Conv1d(64, 1, 2, dilation=65536)
    with pytest.raises(
        wl.ParameterError, match=r"capacity=16777216 needs [\d,]+ bytes, [\d,]+ for each stream; it must"
    ):
        model.pool(2**24)
    assert len(model.pool(2)) == 0


def test_a_clip_of_hours_is_refused():
    pytest.importorskip("librosa")
    network = wl.TCN(40, 2, channels=4, dilations=[1])
    with pytest.raises(wl.ParameterError, match=r"clip_s=1000000\.0 must be at most 600"):
        wl.AudioClassifier(wl.LogMel(), network, ["a", "b"], clip_s=1e6)
