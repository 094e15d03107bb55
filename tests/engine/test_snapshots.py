"""Snapshots: a stream goes on from them bit for bit, also in another process; anything else is refused in one line."""

import json
import os
import struct
import subprocess
import sys

import numpy as np
import pytest
from catalogue import CATALOGUE, condition, open_stream, same_bits, signal
from hypothesis import given
from hypothesis import strategies as st
from instruction_sets import cpu_has

import wavenetlite as wl
from wavenetlite.support.snapshots import checksum, seal, unseal

feats = wl.features
HEADER = 32


def fed(stream, x, c, first, end, size):
    blocks = [(at, min(at + size, end)) for at in range(first, end, size)]
    return [stream.process(x[a:b], None if c is None else c[a:b]) for a, b in blocks]


def sealed(blob):
    """The same bytes with a checksum that fits."""
    return blob[:-8] + struct.pack("<Q", checksum(blob[:-8]))


# Networks


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_restored_stream_and_a_fork_go_on(name):
    case = CATALOGUE[name]
    model, frames = case.model(), 333
    x, c = signal(frames, case.in_channels), condition(frames, case.condition_channels)
    whole = model(x, c)
    for cut in (0, 1, 5, 64, 200, 333):
        stream, other, noise = open_stream(model, x), open_stream(model, x), open_stream(model, x)
        before = fed(stream, x, c, 0, cut, 7)
        fed(other, x, c, 0, cut, 31)
        blob = stream.snapshot()
        assert blob == other.snapshot()  # whatever blocks it was fed in
        noise.process(x[::-1][:99].copy(), None if c is None else c[:99])
        noise.restore(blob)
        assert (noise.frames_in, noise.frames_out) == (stream.frames_in, stream.frames_out)
        assert noise.snapshot() == blob
        for one in (noise, stream.fork(), stream):
            after = fed(one, x, c, cut, frames, 13)
            assert same_bits(np.concatenate([*before, *after, one.flush()]), whole)


@pytest.mark.parametrize("name", ["tcn", "same same", "pool of stride", "wavenet condition"])
def test_a_flushed_stream_is_restored_as_one(name):
    case = CATALOGUE[name]
    model, x, c = case.model(), signal(40, case.in_channels), condition(40, case.condition_channels)
    stream, other = model.stream(), model.stream()
    stream.process(x, c)
    stream.flush()
    other.restore(stream.snapshot())
    twin = stream.fork()
    for one in (other, twin):
        assert (one.frames_in, one.frames_out) == (stream.frames_in, stream.frames_out)
        with pytest.raises(wl.StreamStateError, match="flushed"):
            one.process(x, c)
        one.reset()
        assert same_bits(np.concatenate([one.process(x, c), one.flush()]), model(x, c))


def test_constant_conditioning_is_in_the_snapshot():
    model, x = CATALOGUE["wavenet condition"].model(), signal(50, 1)
    c, d = condition(2, 5)
    stream = model.stream(c=c)
    stream.process(x[:20])
    for other in (model.stream(), model.stream(c=d), stream.fork()):
        other.restore(stream.snapshot())
        assert same_bits(other.process(x[20:]), model(x, c=c)[20:])


def test_a_restored_stream_keeps_its_own_options():
    model, x = CATALOGUE["tcn"].model(), signal(3, 40)
    x[1, 0] = np.nan
    zero, strict = model.stream(on_nonfinite="zero"), model.stream()
    zero.restore(strict.snapshot())
    strict.restore(zero.snapshot())
    assert np.isfinite(zero.process(x)).all()
    assert np.isfinite(zero.fork().process(x)).all()
    with pytest.raises(wl.ParameterError, match="not finite"):
        strict.process(x)


def test_streams_and_pools_have_the_same_snapshots():
    model, x = CATALOGUE["tcn"].model(), signal(30, 40)
    stream, pool = model.stream(), model.pool(2)
    sid = pool.open()
    stream.process(x[:20])
    pool.process({sid: x[:20]})
    assert pool.snapshot(sid) == stream.snapshot()
    twin = pool.open(snapshot=stream.snapshot())
    assert same_bits(pool.process({twin: x[20:]})[twin], stream.process(x[20:]))


def test_only_state_is_in_the_bytes():
    """Model C: 120 frames of 64 channels, two numbers, header and checksum."""
    model = wl.TCN(40, 12, channels=64, kernel_size=5, dilations=[1, 2, 4, 8] * 2)
    stream = model.stream()
    assert len(stream.snapshot()) == HEADER + 16 + 120 * 64 * 4 + 8
    assert set(stream.snapshot()[HEADER:-8]) == {0}


# What a snapshot is tied to


def test_the_same_model_loaded_again_takes_it(tmp_path):
    model, x = CATALOGUE["nested"].model(), signal(60, 3)
    model.save(tmp_path / "model.safetensors")
    stream, other = model.stream(), wl.load(tmp_path / "model.safetensors").stream()
    stream.process(x[:30])
    other.restore(stream.snapshot())
    assert same_bits(other.process(x[30:]), stream.process(x[30:]))


def alike(**options):
    return wl.TCN(
        **{"in_channels": 6, "out_channels": 3, "channels": 8, "kernel_size": 3, "dilations": [1, 2]} | options
    )


OTHERS = {
    "weights": lambda: alike(seed=1),
    "dilations": lambda: alike(dilations=[2, 1]),
    "activation": lambda: alike(activation="elu"),
    "one weight": lambda: nudged(alike()),
    "another network": lambda: wl.WaveNet(6, 3, residual_channels=8, skip_channels=8, dilations=[1, 2]),
}


def nudged(model):
    state = model.state_dict()
    last = next(reversed(state))
    state[last].flat[-1] = np.nextafter(state[last].flat[-1], np.float32(9))
    model.load_state_dict(state)
    return model


@pytest.mark.parametrize("name", OTHERS)
def test_another_model_refuses_it(name):
    refuse(alike().stream(), OTHERS[name]().stream().snapshot(), signal(20, 6), "another network")


def test_weights_that_are_replaced_make_another_model():
    model = alike()
    stream = model.stream()
    blob = stream.snapshot()
    nudged(model)
    refuse(model.stream(), blob, signal(20, 6), "another network")
    stream.restore(blob)  # it goes on with its old weights


# What is refused


def refuse(stream, blob, x, message):
    """The snapshot is refused in one line, and the stream is as before."""
    stream.process(x)
    before = stream.snapshot()
    with pytest.raises(wl.SnapshotError, match=message) as caught:
        stream.restore(blob)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, wl.WavenetliteError | ValueError)
    assert stream.snapshot() == before


def corrupt(blob):
    """name -> (bytes, what is said)"""
    damaged = bytearray(blob)
    damaged[len(blob) // 2] ^= 1
    return {
        "empty": (b"", "not a wavenetlite snapshot"),
        "foreign": (b"\x89PNG" + blob[4:], "not a wavenetlite snapshot"),
        "one byte": (blob[:1], "truncated"),
        "header only": (blob[:HEADER], "truncated"),
        "without its end": (blob[:-1], "truncated"),
        "half": (blob[: len(blob) // 2], "truncated"),
        "longer": (blob + b"\0", "truncated or damaged"),
        "a bit": (bytes(damaged), "damaged"),
        "older": (sealed(blob[:4] + struct.pack("<H", 0) + blob[6:]), "format 0"),
        "newer": (sealed(blob[:4] + struct.pack("<H", 2) + blob[6:]), "format 2"),
        "unknown kind": (sealed(blob[:6] + struct.pack("<H", 9) + blob[8:]), "something unknown"),
        "too little state": (sealed(blob[:24] + struct.pack("<Q", 1) + blob[32:33] + bytes(8)), "damaged"),
        "no state": (sealed(blob[:24] + struct.pack("<Q", 0) + bytes(8)), "damaged"),
    }


DAMAGES = list(corrupt(bytes(100)))


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_snapshot_is_refused(name):
    stream = alike().stream()
    stream.process(signal(30, 6, 1))
    blob, message = corrupt(stream.snapshot())[name]
    refuse(alike().stream(), blob, signal(20, 6), message)
    pool = alike().pool(2)
    sid = pool.open()
    for call in (lambda: pool.restore(sid, blob), lambda: pool.open(snapshot=blob)):
        with pytest.raises(wl.SnapshotError, match=message):
            call()
    assert (len(pool), pool.frames_in(sid)) == (1, 0)


def test_every_flipped_bit_is_found():
    model = wl.nn.Conv1d(1, 1, 3)
    stream = model.stream()
    stream.process(signal(9, 1))
    blob = stream.snapshot()
    for bit in range(8 * len(blob)):
        wrong = bytearray(blob)
        wrong[bit // 8] ^= 1 << bit % 8
        with pytest.raises(wl.SnapshotError):
            stream.restore(wrong)
    assert stream.snapshot() == blob


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(data):
    stream = wl.nn.Conv1d(1, 1, 3).stream()
    for blob in (data, b"WNLS" + data):
        with pytest.raises(wl.SnapshotError):
            stream.restore(blob)


@pytest.mark.parametrize("frames_in", [-1, 2**60 + 1, 2**63 - 1])
@pytest.mark.parametrize("name", ["tcn", "strides"])
def test_impossible_numbers_are_refused(name, frames_in):
    stream = CATALOGUE[name].model().stream()
    blob = stream.snapshot()
    with pytest.raises(wl.SnapshotError, match="damaged"):
        stream.restore(sealed(blob[:HEADER] + struct.pack("<q", frames_in) + blob[HEADER + 8 :]))
    for flags in (1, 2, 4, -1):
        with pytest.raises(wl.SnapshotError, match="damaged"):
            stream.restore(sealed(blob[: HEADER + 8] + struct.pack("<q", flags) + blob[HEADER + 16 :]))


def test_counts_that_upsampling_multiplies_are_bounded_by_the_rate():
    """2**48 frames times 2**16 is more than a counter holds."""
    model = wl.Sequential([wl.nn.Upsample(256), wl.nn.Conv1d(1, 1, 3), wl.nn.Upsample(256)])
    stream, pool = model.stream(), model.pool(1)
    blob, sid = stream.snapshot(), pool.open()
    for frames_in in (2**45, 2**48, 2**60):
        forged = sealed(blob[:HEADER] + struct.pack("<q", frames_in) + blob[HEADER + 8 :])
        for restore in (stream.restore, lambda forged: pool.restore(sid, forged)):
            with pytest.raises(wl.SnapshotError, match="damaged"):
                restore(forged)
    stream.restore(sealed(blob[:HEADER] + struct.pack("<q", 2**30) + blob[HEADER + 8 :]))
    assert stream.process(np.ones((1, 1), np.float32)).shape == (2**16, 1)


@pytest.mark.parametrize("blob", [None, "WNLS", 3, [1, 2], np.zeros(100)])
def test_what_is_no_bytes_is_refused(blob):
    with pytest.raises(wl.ArrayTypeError, match="snapshot is a"):
        alike().stream().restore(blob)


def test_other_kinds_of_bytes_will_do():
    stream = alike().stream()
    stream.process(signal(9, 6))
    blob = stream.snapshot()
    for same in (bytearray(blob), memoryview(blob)):
        stream.restore(same)
        assert stream.snapshot() == blob


def test_the_checksum_is_xxh64():
    known = {b"": 0xEF46DB3751D8E999, b"a": 0xD24EC4F1A98C6E5B, b"abc": 0x44BC2CF5AD770999,
             b"Nobody inspects the spammish repetition": 0xFBCEA83C8A378BF1}  # fmt: skip
    assert {data: checksum(data) for data in known} == known


# Features

SPECS = {
    "log mel": lambda: wl.LogMel(n_mels=20),
    "centred": lambda: wl.features.MelSpectrogram(n_mels=8, center=True),
    "hop beyond the frame": lambda: wl.Spectrogram(n_fft=64, hop_length=100),
    "mfcc": lambda: wl.MFCC(n_mfcc=13),
    "pcen": lambda: wl.PCEN(n_mels=20),
    "micro front end": lambda: wl.MicroFrontend(n_mels=9),
    "mulaw": lambda: wl.MuLaw(mu=15, output="one_hot"),
    "running cmvn": lambda: wl.LogMel(n_mels=10).then(feats.RunningCMVN(window_frames=7)),
    "long cmvn": lambda: wl.LogMel(n_mels=10).then(feats.RunningCMVN(window_frames=500, scale=False)),
    "auto gain": lambda: wl.LogMel(n_mels=10).then(feats.AutoGain(fall_db=0.3)),
    "deltas": lambda: wl.LogMel(n_mels=10).then(feats.Deltas(width=9, order=2)),
    "causal deltas": lambda: wl.LogMel(n_mels=10).then(feats.Deltas(width=5, lookahead_frames=0)),
    "moments": lambda: wl.LogMel(n_mels=3).then(feats.MeanVariance([1, 2, 3], [4, 5, 6])),
    "chain": lambda: wl.PCEN(n_mels=10, center=True).then(
        feats.RunningCMVN(window_frames=5), feats.Deltas(width=3), feats.RunningCMVN(window_frames=9)),
}  # fmt: skip


def loud(samples, seed=0):
    return np.clip(0.3 * signal(samples, 1, seed)[:, 0], -1, 1)


@pytest.mark.parametrize("name", SPECS)
def test_features_go_on(name):
    spec, y = SPECS[name](), loud(6000)
    whole = spec(y)
    for cut in (0, 1, 500, 512, 2345, 6000):
        online, other, noise = spec.stream(), spec.stream(), spec.stream()
        before = [online.process(block) for block in np.split(y[:cut], range(100, cut, 100))]
        other.process(y[:cut])
        blob = online.snapshot()
        assert blob == other.snapshot()
        noise.process(loud(3000, 1))
        noise.restore(blob)
        assert (noise.samples_in, noise.frames_out) == (online.samples_in, online.frames_out)
        assert noise.snapshot() == blob
        for one in (noise, online.fork(), online):
            after = [one.process(y[cut : cut + 77]), one.process(y[cut + 77 :]), one.flush()]
            assert same_bits(np.concatenate([*before, *after]), whole)
            flushed = spec.stream()
            flushed.restore(one.snapshot())
            assert flushed.samples_in == 6000
            with pytest.raises(wl.StreamStateError, match="flushed"):
                flushed.process(y)
            flushed.reset()
            assert same_bits(np.concatenate([flushed.process(y), flushed.flush()]), whole)


def test_several_signals_in_step():
    spec, y = SPECS["chain"](), np.stack([loud(4000, seed) for seed in range(3)])
    online, other = spec.stream(streams=3), spec.stream(streams=3)
    online.process(y[:, :1999])
    other.restore(online.snapshot())
    assert same_bits(other.process(y[:, 1999:]), online.process(y[:, 1999:]))
    with pytest.raises(wl.SnapshotError, match="streams=3"):
        spec.stream().restore(online.snapshot())
    with pytest.raises(wl.SnapshotError, match="streams=None"):
        online.restore(spec.stream().snapshot())


def test_other_features_refuse_it():
    y = loud(2000)
    makers = [*SPECS.values(), lambda: wl.LogMel(n_mels=20, amin=1e-9), lambda: SPECS["log mel"]().then(feats.Deltas())]
    specs = [make() for make in makers]
    blobs = [spec.stream().snapshot() for spec in specs]
    for i, spec in enumerate(specs):
        for j, blob in enumerate(blobs):
            if i != j:
                refuse(spec.stream(), blob, y, "other|another features")
    assert len({spec.fingerprint for spec in specs}) == len(specs)
    assert feats.from_config(specs[0].config(), specs[0].state_dict()).fingerprint == specs[0].fingerprint


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_snapshots_of_features_are_refused(name):
    online = SPECS["chain"]().stream()
    online.process(loud(3000))
    blob, message = corrupt(online.snapshot())[name]
    refuse(SPECS["chain"]().stream(), blob, loud(2000), message)


@given(data=st.data())
def test_damaged_states_of_features_with_a_right_checksum_do_no_harm(data):
    spec = CHAIN
    online = spec.stream()
    online.process(loud(1500))
    blob = bytearray(online.snapshot())
    for _ in range(data.draw(st.integers(1, 4))):
        blob[data.draw(st.integers(HEADER, len(blob) - 9))] = data.draw(st.integers(0, 255))
    try:
        online.restore(sealed(bytes(blob)))
    except wl.SnapshotError:
        return
    online.flush() if data.draw(st.booleans()) else online.reset()


CHAIN = SPECS["chain"]()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_states_of_features_hold_finite_samples(value):
    front = CHAIN.front(0, "raise", "y")
    front.process(loud(1500))
    state = front.save()
    with pytest.raises(wl.SnapshotError, match="does not fit these features"):
        CHAIN.front(0, "raise", "y").load(state[:-4] + np.float32(value).tobytes())


# Classifiers


def classifier(decision="last", **options):
    arguments = {"features": wl.LogMel(n_mels=10).then(feats.Deltas(width=3)), "labels": ["yes", "no", "_unknown_"],
                 "model": wl.TCN(20, 3, channels=8, dilations=[1, 2], seed=5), "clip_s": 0.3,
                 "detector": wl.detection.Detector(0.4, 0.3, smoothing_ms=50, refractory_ms=20)}  # fmt: skip
    return wl.AudioClassifier(**arguments | {"decision": decision} | options)


def heard(stream):
    p = stream.prediction()
    return p.label, p.probabilities.tobytes(), stream.frames_out, stream.samples_in


@pytest.mark.parametrize("decision", ["last", "mean", "peak"])
def test_classifiers_go_on(decision):
    clf = classifier(decision)
    y = loud(9000) * np.repeat([0.01, 1, 0.1, 1, 0.001, 1], 1500).astype(np.float32)
    whole = clf.stream()
    events = whole.process(y) + whole.flush()
    assert events
    for cut in (0, 1, 1000, 3333, 9000):
        stream, other, noise = clf.stream(), clf.stream(), clf.stream()
        before = stream.process(y[:cut])
        for block in np.split(y[:cut], range(250, cut, 250)):
            other.process(block)
        blob = stream.snapshot()
        assert blob == other.snapshot()
        noise.process(loud(5000, 1))
        noise.restore(blob)
        assert noise.snapshot() == blob
        assert len(noise.probabilities) == 0
        for one in (noise, stream.fork(), stream):
            after = one.process(y[cut : cut + 100]) + one.process(y[cut + 100 :]) + one.flush()
            assert before + after == events
            assert heard(one) == heard(whole)


def test_other_classifiers_refuse_it():
    y, blob = loud(4000), classifier().stream().snapshot()
    others = [
        classifier("mean"), classifier(labels=["yes", "no", "go"]), classifier(clip_s=0.4),
        classifier(detector=wl.detection.Detector(0.5)), classifier(features=wl.LogMel(n_mels=20)),
        classifier(model=wl.TCN(20, 3, channels=8, dilations=[1, 2], seed=6)),
    ]  # fmt: skip
    for clf in others:
        refuse(clf.stream(), blob, y, "another classifier")
    classifier(info={"note": "new"}).stream().restore(blob)


STATE_OF_A_CLASSIFIER = ["counts", "newest frame", "features", "network", "detector", "decision"]


def forged(blob, part, at, value):
    """A snapshot with a right checksum in which bytes of one part are others."""
    parts = unseal("classifier", blob[8:24], blob, 6, "")
    number = STATE_OF_A_CLASSIFIER.index(part)
    at = at % max(len(parts[number]), 1)
    parts[number] = parts[number][:at] + value + parts[number][at + len(value) :]
    return seal("classifier", blob[8:24], *parts)


def q(value):
    return struct.pack("<q", value)


FORGED = {
    "frames below zero": ("last", "counts", 0, q(-1)),
    "more frames than the network gave": ("last", "counts", 0, q(2**40)),
    "fewer frames than the network gave": ("last", "counts", 0, q(1)),
    "samples below zero": ("last", "counts", 8, q(-1)),
    "more samples than the features had": ("last", "counts", 8, q(2**60)),
    "probability above 1": ("last", "newest frame", 0, struct.pack("<f", 1.5)),
    "probability that is none": ("last", "newest frame", 4, struct.pack("<f", np.nan)),
    "detector behind the network": ("last", "detector", 0, q(3)),
    "silent for ever": ("last", "detector", 8, q(2**60)),
    "a run that began in the future": ("last", "detector", -17 * 3, q(2**50)),
    "a peak that is none": ("last", "detector", -9 * 3, struct.pack("<d", np.nan)),
    "neither reported nor not": ("last", "detector", -1, b"\2"),
    "no frame in the mean": ("mean", "decision", 0, q(0)),
    "frames below zero in the mean": ("mean", "decision", 0, q(-5)),
    "a mean that is infinite": ("mean", "decision", 8, struct.pack("<d", np.inf)),
    "no frame in the peak": ("peak", "decision", 0, q(0)),
    "a peak above 1": ("peak", "decision", 8, struct.pack("<d", 2.0)),
    "a peak's frame that is none": ("peak", "decision", -4, struct.pack("<f", np.nan)),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_states_of_classifiers_are_refused(name):
    decision, part, at, value = FORGED[name]
    clf = classifier(decision)
    stream, other, pool = clf.stream(), clf.stream(), clf.pool(1)
    stream.process(loud(5000))
    other.process(loud(3000, 1))
    sid, before, blob = pool.open(), other.snapshot(), forged(stream.snapshot(), part, at, value)
    for restore in (other.restore, lambda blob: pool.restore(sid, blob)):
        with pytest.raises(wl.SnapshotError, match="damaged: its state does not fit this classifier"):
            restore(blob)
    assert other.snapshot() == before
    other.restore(forged(stream.snapshot(), part, 0, b""))  # unchanged, it is taken


def test_a_decision_without_state_takes_none():
    clf = classifier("last")
    blob = clf.stream().snapshot()
    parts = unseal("classifier", blob[8:24], blob, 6, "")
    with pytest.raises(wl.SnapshotError, match="does not fit this classifier"):
        clf.stream().restore(seal("classifier", blob[8:24], *parts[:5], b"more"))


@given(data=st.data())
def test_altered_states_of_networks_do_no_harm(data):
    """A right checksum on wrong bytes, in networks that upsample, stride, look ahead, recur and are conditioned."""
    name = data.draw(st.sampled_from(["strides", "same same", "nested", "wavenet condition", "pool of stride"]))
    case = CATALOGUE[name]
    model, x, c = case.model(), signal(150, case.in_channels), condition(150, case.condition_channels)
    stream = open_stream(model, x)
    stream.process(x, c)
    blob = bytearray(stream.snapshot())
    numbers = st.one_of(st.integers(-(2**63), 2**63 - 1), st.sampled_from([2**31, 2**48, 2**53, 2**60, 2**60 + 1]))
    blob[HEADER : HEADER + 8] = q(data.draw(numbers))
    blob[data.draw(st.integers(HEADER + 8, len(blob) - 9))] = data.draw(st.integers(0, 255))
    try:
        stream.restore(sealed(bytes(blob)))
    except wl.SnapshotError:
        return
    try:
        stream.process(x[:70], c if c is None else c[:70])
    except wl.WavenetliteError:  # another number of frames of conditioning, or flushed
        return
    assert stream.snapshot() and stream.fork().flush() is not None


def test_kinds_do_not_mix():
    clf = classifier()
    clf_blob, spec_blob, net_blob = (one.stream().snapshot() for one in (clf, clf.features, clf.model))
    refuse(clf.stream(), spec_blob, loud(2000), "of a feature stream; it must be of a classifier's stream")
    refuse(clf.features.stream(), net_blob, loud(2000), "of a network's stream; it must be of a feature stream")
    refuse(clf.model.stream(), clf_blob, signal(9, 20), "of a classifier's stream; it must be of a network's stream")


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_snapshots_of_classifiers_are_refused(name):
    stream = classifier("mean").stream()
    stream.process(loud(5000))
    blob, message = corrupt(stream.snapshot())[name]
    refuse(classifier("mean").stream(), blob, loud(4000), message)


# Other processes, other instruction sets


def here(tmp_path, isa, task, **files):
    """What a new process with this instruction set makes of the files."""
    names = {name: str(tmp_path / name) for name in files}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    environment = {**os.environ, "WAVENETLITE_ISA": isa, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    code = f"import sys, json, test_snapshots; test_snapshots.{task}(**json.loads(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", code, json.dumps({**names, "out": str(tmp_path / "out.npz")})],
                          env=environment, capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(np.load(tmp_path / "out.npz"))


MOVED = ("tcn", "wavenet", "nested", "strides", "concat pool", "freq stack", "conv groups", "gated residual same")


def first_half(out):
    """Snapshots in the middle of the signal, and what comes after them."""
    found = {"isa": np.array(wl.isa())}
    for name in MOVED:
        case = CATALOGUE[name]
        x = signal(200, case.in_channels)
        stream = open_stream(case.model(), x)
        stream.process(x[:120])
        found[f"{name} blob"] = np.frombuffer(stream.snapshot(), np.uint8)
        found[f"{name} after"] = np.concatenate([stream.process(x[120:]), stream.flush()])
    stream = classifier("mean").stream()
    stream.process(loud(5000))
    found["classifier blob"] = np.frombuffer(stream.snapshot(), np.uint8)
    stream.process(loud(5000, 1))
    found["classifier after"] = stream.probabilities
    np.savez(out, **found)


def second_half(first, out):
    """The same streams, restored and fed on."""
    blobs = {name[:-5]: value.tobytes() for name, value in np.load(first).items() if name.endswith(" blob")}
    found = {"isa": np.array(wl.isa())}
    for name in MOVED:
        case = CATALOGUE[name]
        x = signal(200, case.in_channels)
        stream = open_stream(case.model(), x)
        stream.restore(blobs[name])
        found[f"{name} blob"] = np.frombuffer(stream.snapshot(), np.uint8)
        found[f"{name} after"] = np.concatenate([stream.process(x[120:]), stream.flush()])
    stream = classifier("mean").stream()
    stream.restore(blobs["classifier"])
    stream.process(loud(5000, 1))
    found["classifier after"] = stream.probabilities
    np.savez(out, **found)


@pytest.mark.parametrize(("start", "end"), [("avx512", "avx2"), ("avx2", "avx512"), ("avx2", "avx2"), ("avx2", "sse2"),
                                            ("sse2", "avx2")])  # fmt: skip
def test_a_stream_moves_to_another_process(tmp_path, start, end):
    if not (cpu_has(start) and cpu_has(end)):
        pytest.skip(f"this machine has no {start} or no {end}")
    here(tmp_path, start, "first_half")
    first = (tmp_path / "out.npz").read_bytes()
    (tmp_path / "kept.npz").write_bytes(first)
    before, after = dict(np.load(tmp_path / "kept.npz")), here(tmp_path, end, "second_half", first=first)
    assert (before["isa"], after["isa"]) == (start, end)
    for name, value in after.items():
        if name == "isa":
            continue
        if "sse2" in (start, end) and not name.endswith("blob"):
            assert np.abs(value - before[name]).max() <= 2e-6 * max(1, np.abs(value).max()), name
        else:
            assert same_bits(value, before[name]), name
