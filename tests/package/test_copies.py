"""What is immutable can be copied and pickled; streams refuse alike; masked arrays are refused everywhere."""

import copy
import multiprocessing
import pickle

import numpy as np
import pytest

import wavenetlite as wl

COPIES = {"copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": lambda one: pickle.loads(pickle.dumps(one))}
SIGNAL = np.random.default_rng(0).standard_normal(16000).astype(np.float32) / 10
SPECS = {
    "LogMel": wl.LogMel(), "MFCC": wl.MFCC(), "PCEN": wl.PCEN(), "MuLaw": wl.MuLaw(),
    "MicroFrontend": wl.MicroFrontend(),
    "with steps": wl.LogMel().then(wl.features.Deltas(width=3)),
}  # fmt: skip


STEPS = {
    "fixed statistics": lambda: wl.features.MeanVariance(np.zeros(40), np.ones(40)),
    "running statistics": lambda: wl.features.RunningCMVN(window_frames=7),
    "deltas": lambda: wl.features.Deltas(width=5),
    "gain": lambda: wl.features.AutoGain(),
}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("name", STEPS)
def test_steps_that_were_used(name, how):
    step = STEPS[name]()
    expected = wl.LogMel().then(step)(SIGNAL)
    assert wl.LogMel().then(COPIES[how](step))(SIGNAL).tobytes() == expected.tobytes()


def classifier():
    return wl.AudioClassifier(wl.LogMel(), wl.TCN(40, 2, channels=4, dilations=[1]), ["yes", "no"])


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("name", SPECS)
def test_specs(name, how):
    spec = SPECS[name]
    twin = COPIES[how](spec)
    assert twin.fingerprint == spec.fingerprint
    assert twin(SIGNAL).tobytes() == spec(SIGNAL).tobytes()


@pytest.mark.parametrize("how", COPIES)
def test_classifiers(how):
    clf = classifier()
    clf.predict(SIGNAL)
    twin = COPIES[how](clf)
    assert twin.labels == clf.labels
    assert twin.predict(SIGNAL).probabilities.tobytes() == clf.predict(SIGNAL).probabilities.tobytes()
    stream = twin.stream()
    stream.restore(clf.stream().snapshot())


STREAMS = {
    "network": lambda: wl.TCN(40, 2, channels=4, dilations=[1]).stream(),
    "pool": lambda: wl.TCN(40, 2, channels=4, dilations=[1]).pool(2),
    "features": lambda: wl.LogMel().stream(),
    "codes": lambda: wl.MuLaw().stream(),
    "classifier": lambda: classifier().stream(),
    "classifier pool": lambda: classifier().pool(2),
    "detector": lambda: wl.detection.Detector().stream(["a", "b"], 50.0),
    "vocoder": lambda: wl.load("vocoder-8k").stream(),
    "resampler": lambda: wl.audio.Resampler(48000, 16000),
}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("name", STREAMS)
def test_streams_refuse(name, how):
    with pytest.raises(wl.StreamStateError, match="cannot be copied or pickled"):
        COPIES[how](STREAMS[name]())


def masked(*shape):
    return np.ma.masked_array(np.zeros(shape, np.float32), mask=False)


MASKED = {
    "network": lambda: wl.TCN(40, 2, channels=4, dilations=[1])(masked(100, 40)),
    "features": lambda: wl.LogMel()(masked(4000)),
    "feature stream": lambda: wl.LogMel().stream().process(masked(4000)),
    "codes": lambda: wl.MuLaw()(masked(4000)),
    "classifier": lambda: classifier().stream().process(masked(4000)),
    "predict": lambda: classifier().predict(masked(4000)),
    "detector": lambda: wl.detection.Detector().stream(["a", "b"], 50.0).process(masked(3, 2)),
    "resample": lambda: wl.audio.resample(masked(400), 16000, 8000),
    "mono": lambda: wl.audio.to_mono(masked(400, 2), "mean"),
    "output": lambda: wl.nn.Linear(40, 2).stream().process(np.zeros((5, 40), np.float32), out=masked(5, 2)),
    "ids": lambda: (
        wl.TCN(40, 2, channels=4, dilations=[1])
        .pool(1)
        .step(np.zeros((1, 40), np.float32), np.ma.masked_array(np.zeros(1, int), mask=[True]))
    ),
    "constant conditioning": lambda: wl.WaveNet(1, 1, dilations=[1], condition_channels=3).stream(c=masked(3)),
    "statistics": lambda: wl.features.MeanVariance(masked(3), np.ones(3)),
    "statistics of frames": lambda: wl.features.MeanVariance.fit([masked(9, 3)]),
    "samples of codes": lambda: wl.MuLaw().expand(masked(5, 1)),
    "writing": lambda: wl.audio.write("never.wav", masked(9), 8000),
    "confusion": lambda: wl.figures.confusion_matrix(
        np.ma.masked_array(np.eye(2, dtype=int), False), ["a", "b"], "n.png"
    ),
    "operator": lambda: wl.ops.conv1d(masked(1, 20, 4), np.zeros((3, 4, 2), np.float32)),
    "parameters": lambda: wl.nn.Linear(1, 1, bias=False).load_state_dict({"weight": masked(1, 1)}),
    "training": lambda: wl.train.Arrays(masked(8, 4, 1), np.zeros(8, int)),
    "targets": lambda: wl.train.Arrays(np.zeros((8, 4, 1), np.float32), np.ma.masked_array(np.zeros(8, int), False)),
}


@pytest.mark.parametrize("name", MASKED)
def test_masked_arrays_are_refused(name):
    with pytest.raises(wl.ArrayTypeError, match=r"(?i)masked ?array"):
        MASKED[name]()


def probabilities_of(clf):
    return clf.predict(SIGNAL).probabilities.tobytes()


def test_classifiers_go_to_processes_that_are_spawned():
    clf = classifier()
    with multiprocessing.get_context("spawn").Pool(1) as workers:
        assert workers.apply(probabilities_of, (clf,)) == probabilities_of(clf)
