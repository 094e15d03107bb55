"""Priors of labels: predictions of whole signals are weighed by them, frames and events are not."""

import json

import numpy as np
import pytest
from catalogue import randomised

import wavenetlite as wl
from wavenetlite import formats
from wavenetlite.classifier.decision import weighted
from wavenetlite.cli import main
from wavenetlite.hub.card import model_card

LABELS = ["yes", "no", "_unknown_"]
NEVER = {"_unknown_": 0.0}
FEATURES = wl.LogMel().then(wl.features.MeanVariance(np.full(40, -10.0), np.full(40, 60.0)))


def classifier(**options):
    model = randomised(wl.TCN(40, 3, channels=8, kernel_size=3, dilations=[1, 2, 4]))
    return wl.AudioClassifier(FEATURES, model, LABELS, **{"decision": "peak", **options})


@pytest.fixture
def y():
    return np.random.default_rng(0).standard_normal(24000, dtype=np.float32)


@pytest.mark.parametrize("decision", ["last", "mean", "peak"])
def test_predictions_are_weighed_by_the_priors(decision, y):
    plain = classifier(decision=decision).predict(y).probabilities.astype(np.float64)
    given = {"no": 3.0, "yes": 0.25}
    expected = plain * [0.25, 3.0, 1.0]
    found = classifier(decision=decision, priors=given).predict(y)
    np.testing.assert_allclose(found.probabilities, expected / expected.sum(), rtol=1e-6)
    assert found.label == LABELS[int(expected.argmax())]
    assert found.score == found.probabilities.max()


def test_a_label_of_prior_0_is_never_predicted_but_its_frames_stay(y):
    model = classifier().model
    state = model.state_dict()
    state["output.bias"][2] += 30.0  # nothing but _unknown_
    model.load_state_dict(state)
    plain, never = (
        wl.AudioClassifier(FEATURES, model, LABELS, decision="peak", priors=priors) for priors in (None, NEVER)
    )
    assert plain.predict(y).label == "_unknown_"
    found = never.predict(y)
    assert found.label in ("yes", "no")
    assert found.probabilities[2] == 0
    assert abs(found.probabilities.sum() - 1) < 1e-6
    streams = [clf.stream() for clf in (plain, never)]
    for stream in streams:
        stream.process(y)
    assert streams[0].probabilities.tobytes() == streams[1].probabilities.tobytes()


def test_where_nothing_is_left_all_that_may_be_predicted_is_as_probable():
    p = np.array([0, 0, 1], np.float32)
    assert weighted(p, np.array([1, 1, 0], np.float32)).tolist() == [0.5, 0.5, 0]
    assert weighted(p, None) is p


@pytest.mark.parametrize("scale", [1e-60, 1e250])
def test_priors_count_by_their_ratios_however_large(scale, y):
    given = {"yes": 0.25, "no": 3.0, "_unknown_": 1.0}
    wanted = classifier(priors=given).predict(y).probabilities
    found = classifier(priors={label: scale * factor for label, factor in given.items()}).predict(y).probabilities
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_priors_cannot_be_changed_behind_a_classifier(y):
    clf = classifier(priors={"no": 2.0})
    before = clf.predict(y).probabilities.tobytes()
    clf.priors["no"] = 0.0
    assert clf.priors == clf.config()["priors"] == {"no": 2.0}
    assert clf.predict(y).probabilities.tobytes() == before


def test_pools_snapshots_and_copies_have_the_same_priors(y, tmp_path):
    clf = classifier(priors={"no": 2.0, "_unknown_": 0.0})
    wanted = clf.predict(y).probabilities.tobytes()
    pool = clf.pool(2)
    sid = pool.open()
    pool.process({sid: y})
    pool.flush(sid)
    first, second = clf.stream(), clf.stream()
    first.process(y[:9000])
    second.restore(first.snapshot())
    for stream in (second, second.fork()):
        stream.process(y[9000:])
        stream.flush()
        assert stream.prediction().probabilities.tobytes() == wanted
    assert pool.prediction(sid).probabilities.tobytes() == wanted
    clf.save(tmp_path / "clf.safetensors")
    loaded = wl.load(tmp_path / "clf.safetensors")
    for other in (loaded, clf.with_model(clf.model), clf.with_detector(wl.Detector(0.7))):
        assert other.priors == clf.priors
        assert other.predict(y).probabilities.tobytes() == wanted
    assert clf.design().fingerprint != classifier().design().fingerprint


@pytest.mark.parametrize(
    ("priors", "message"),
    [
        ({"maybe": 1.0}, "priors has 'maybe'; it must be one of the labels yes, no, _unknown_"),
        ({"yes": -1.0}, r"priors\['yes'\]=-1.0 must be"),
        ({"yes": np.nan}, r"priors\['yes'\]=nan must be"),
        (dict.fromkeys(LABELS, 0), "priors has 0 for every label; it must leave some to predict"),
        ([1, 1, 0], "priors is a list; it must be a dict of labels to numbers"),
    ],
)
def test_priors_that_are_refused(priors, message):
    with pytest.raises(wl.WavenetliteError, match=message):
        classifier(priors=priors)


def test_info_tells_the_priors_where_there_are_some(tmp_path, capsys):
    for name, priors in (("plain", None), ("never", NEVER)):
        classifier(priors=priors).save(tmp_path / name)
        assert main(["info", str(tmp_path / name), "--json"]) == 0
        assert json.loads(capsys.readouterr().out).get("priors") == priors
    assert main(["info", str(tmp_path / "never")]) == 0
    assert "_unknown_ 0" in " ".join(capsys.readouterr().out.split())


def test_cards_and_notebooks_tell_the_priors_where_there_are_some():
    for clf, told in ((classifier(), False), (classifier(priors=NEVER), True)):
        assert ("priors" in model_card(clf)) == ("priors" in clf._repr_html_()) == told


def test_onnx_files_tell_the_priors(tmp_path):
    formats.save(classifier(priors=NEVER), tmp_path / "clf.onnx")
    assert b'{"_unknown_": 0.0}' in (tmp_path / "clf.onnx").read_bytes()
