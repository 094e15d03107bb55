"""A classifier with another detector: the same network and features, saved with the new thresholds."""

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite.serve.models import bundled_classifiers

LABELS = ["yes", "no", "_silence_"]
y = np.random.default_rng(0).standard_normal(32000, dtype=np.float32) * np.float32(0.1)


def classifier(detector=None, **options):
    model = wl.TCN(40, 3, channels=4, dilations=[1, 2], seed=1)
    return wl.AudioClassifier(wl.LogMel(), model, LABELS, detector=detector, **options)


def heard(clf):
    stream = clf.stream()
    return stream.process(y) + stream.flush()


def test_only_the_detector_changes():
    clf = classifier(decision="mean", clip_s=1.0, background=["no"], info={"notes": [1]})
    eager = clf.with_detector(wl.Detector(0.0, smoothing_ms=0, min_duration_ms=0, refractory_ms=0))
    assert eager.detector.threshold == 0.0
    assert clf.detector == wl.Detector()
    assert {**eager.config(), "detector": None} == {**clf.config(), "detector": None}
    assert eager.predict(y).probabilities.tobytes() == clf.predict(y).probabilities.tobytes()
    assert len(heard(eager)) > len(heard(clf))
    eager.info["notes"].append(2)
    assert clf.info == {"notes": [1]}


def test_it_is_saved_with_it(tmp_path):
    clf = classifier().with_threshold(0.25)
    clf.save(tmp_path / "clf.safetensors")
    loaded = wl.load(tmp_path / "clf.safetensors")
    assert loaded.detector == clf.detector
    assert heard(loaded) == heard(clf)


@pytest.mark.parametrize(
    ("before", "threshold", "after"),
    [
        (wl.Detector(0.8, 0.6, thresholds={"yes": 0.9}, smoothing_ms=20), 0.5, wl.Detector(0.5, 0.5, smoothing_ms=20)),
        (wl.Detector(0.8, 0.6, refractory_ms=1), 0.7, wl.Detector(0.7, 0.6, refractory_ms=1)),
        (wl.Detector(0.8), 1, wl.Detector(1.0)),
    ],
)
def test_one_threshold_for_all_labels(before, threshold, after):
    assert before.with_threshold(threshold) == after
    assert classifier(before).with_threshold(threshold).detector == after


def test_one_option_of_a_detector():
    detector = wl.Detector(0.8, 0.6, thresholds={"yes": 0.9})
    assert detector.replace(smoothing_ms=10) == wl.Detector(0.8, 0.6, thresholds={"yes": 0.9}, smoothing_ms=10)
    assert detector.replace(thresholds=None, threshold=0.7).thresholds == {}
    assert detector.threshold == 0.8


def test_what_does_not_fit_is_refused():
    clf = classifier()
    for call, said in (
        (lambda: clf.with_detector(0.5), "detector is a float; it must be a Detector"),
        (lambda: clf.with_detector(None), "detector is a NoneType; it must be a Detector"),
        (lambda: clf.with_detector(wl.Detector(thresholds={"maybe": 0.5})), "thresholds contains 'maybe'"),
        (lambda: clf.with_threshold(1.5), "threshold=1.5 must be between 0 and 1"),
        (lambda: clf.with_threshold("high"), "threshold='high' is a str"),
        (lambda: wl.Detector().replace(tempo=3), "tempo"),
        (lambda: wl.Detector(0.5).replace(release=0.6), "release=0.6 must be at most threshold=0.5"),
    ):
        with pytest.raises(wl.WavenetliteError, match=said):
            call()


def test_every_bundled_classifier_takes_another_threshold():
    assert "speech-commands-12" in wl.models.names()
    for name in bundled_classifiers():
        clf = wl.load(name)
        assert clf.with_threshold(0.9).detector.threshold == 0.9
        assert clf.with_threshold(clf.detector.threshold).predict(np.zeros(clf.sr, np.int16)).label in clf.labels
