"""Scoring of words in running speech: counted by hand, and against a count that follows the definitions."""

import types

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wavenetlite as wl
from wavenetlite import audio, figures
from wavenetlite.corpora.utterances import Utterance
from wavenetlite.detection.detector import Detector
from wavenetlite.evaluation.det import (
    ALL,
    Curve,
    Outcome,
    at_threshold,
    curves,
    merge_curves,
    outcomes,
    pooled,
    with_thresholds,
)
from wavenetlite.evaluation.detections import EACH, UNSAID, report
from wavenetlite.evaluation.scores import (
    ConcatenatedScores,
    ReferenceEvent,
    ScoredRecording,
    alarms_elsewhere,
    by_recording,
    listen,
)

RATE = 50.0
LABELS = ["go", "stop", "_"]
PLAIN = Detector(0.5, smoothing_ms=0, min_duration_ms=0, refractory_ms=200)


def recording(said=(), heard=(), *, seconds=4.0, untimed=(), name="a"):
    """A recording of 20 ms frames; `heard`: (label, from_s, to_s, score)."""
    p = np.zeros((round(seconds * RATE), 3), np.float32)
    p[:, 2] = 1.0
    for label, from_s, to_s, score in heard:
        p[round(from_s * RATE) : round(to_s * RATE), LABELS.index(label)] = score
    times = np.arange(1, len(p) + 1) / RATE
    return ScoredRecording(name, p, times, seconds, tuple(ReferenceEvent(*one) for one in said), frozenset(untimed))


def counted(recordings, detector=PLAIN, words=("go", "stop")):
    return outcomes(ConcatenatedScores(recordings, LABELS, RATE), detector, list(words), ["_"])


# --------------------------------------------------------------------------------------------------------- by hand
@pytest.mark.parametrize(
    ("at_s", "found"), [(0.9, False), (0.98, True), (1.4, True), (1.88, True), (2.0, False), (3.0, False)]
)
def test_a_word_is_found_from_its_start_to_half_a_second_after_its_end(at_s, found):
    made = counted([recording([("go", 1.0, 1.4)], [("go", at_s, at_s + 0.2, 0.9)])])["go"]
    assert (made.words, made.found, made.alarms) == (1, int(found), int(not found))
    assert made.false_rejects == 1 - found
    if found:
        assert made.delays_s == (pytest.approx(at_s + 0.02 - 1.4),)


def test_one_event_finds_one_word_and_a_second_one_is_false():
    made = counted([recording([("go", 1.0, 1.4)], [("go", 1.1, 1.2, 0.9), ("go", 1.5, 1.6, 0.9)])])
    assert (made["go"].found, made["go"].alarms) == (1, 1)
    twice = counted([recording([("go", 1.0, 1.4), ("go", 1.6, 2.0)], [("go", 1.2, 1.3, 0.9), ("go", 1.8, 1.9, 0.9)])])
    assert (twice["go"].words, twice["go"].found, twice["go"].alarms) == (2, 2, 0)


def test_another_word_is_a_false_alarm_and_a_miss():
    made = counted([recording([("go", 1.0, 1.4)], [("stop", 1.2, 1.5, 0.9)])])
    assert (made["go"].found, made["go"].alarms, made["stop"].words, made["stop"].alarms) == (0, 0, 0, 1)
    assert (made[ALL].words, made[ALL].found, made[ALL].alarms) == (1, 0, 1)


def test_hours_are_all_audio_without_the_word():
    recordings = [
        recording([("go", 1.0, 1.5)], seconds=4.0),
        recording([("stop", 1.0, 3.0)], seconds=8.0),
        recording(seconds=2.0),
    ]
    made = counted(recordings)
    assert made["go"].hours * 3600 == pytest.approx(13.5)
    assert made["stop"].hours * 3600 == pytest.approx(12.0)
    assert made[ALL].hours * 3600 == pytest.approx(11.5)


def test_words_at_unknown_times_do_not_count_there():
    recordings = [
        recording([("stop", 1.0, 1.5)], [("go", 3.0, 3.2, 0.9), ("stop", 3.5, 3.6, 0.9)], untimed=["go"]),
        recording(),
    ]
    made = counted(recordings)
    assert (made["go"].alarms, made["go"].excused, made["stop"].alarms, made["stop"].excused) == (0, 1, 1, 0)
    assert made["go"].hours * 3600 == pytest.approx(4.0) and made["stop"].hours * 3600 == pytest.approx(7.5)
    assert (made[ALL].alarms, made[ALL].excused) == (1, 1)


def test_an_alarm_of_a_word_that_is_said_but_marked_elsewhere_is_counted_apart():
    marked_wrong = recording([("go", 1.0, 1.4)], [("go", 3.0, 3.2, 0.9)])
    made = counted([marked_wrong])["go"]
    assert (made.found, made.alarms, made.said, made.unsaid) == (0, 1, 1, 0)
    twice = recording([("go", 1.0, 1.4)], [("go", 2.5, 2.6, 0.9), ("go", 3.0, 3.2, 0.9)])
    assert (counted([twice])["go"].alarms, counted([twice])["go"].said) == (2, 1)  # the word was said once
    found = recording([("go", 1.0, 1.4)], [("go", 1.2, 1.3, 0.9), ("go", 3.0, 3.2, 0.9)])
    other = recording([("stop", 1.0, 1.4)], [("go", 3.0, 3.2, 0.9)])
    untimed = recording([("go", 1.0, 1.4)], [("go", 3.0, 3.2, 0.9)], untimed=["go"])
    for one, alarms in ((found, 1), (other, 1), (untimed, 0)):
        assert (counted([one])["go"].alarms, counted([one])["go"].said) == (alarms, 0)
    together = counted([marked_wrong, found, other])[ALL]
    assert (together.alarms, together.said, together.unsaid_per_hour) == (3, 1, 2 / together.hours)
    assert counted(by_recording([marked_wrong]))["go"].found == 1


def test_thresholds_at_a_rate_against_marks_and_against_what_was_said():
    recordings = [
        recording([("go", 1.0, 1.4)], [("go", 3.0, 3.2, 0.95)]),  # marked wrong
        recording([("go", 1.0, 1.4)], [("go", 1.2, 1.3, 0.7)]),
        recording([("go", 1.0, 1.4)], [("stop", 3.0, 3.2, 0.9)]),
    ]
    scores = ConcatenatedScores(recordings, LABELS, RATE)
    curve = curves(scores, PLAIN, ["go"], ["_", "stop"], together=False, thresholds=np.array([0.5, 0.8, 0.99]))["go"]
    assert (curve.at(0.0)[0], curve.at(0.0)[1].found) == (0.99, 0)
    assert (curve.at(0.0, count_said=False)[0], curve.at(0.0, count_said=False)[1].found) == (0.5, 1)
    made = report(scores, PLAIN, ["go", "stop"], ["_"])
    assert [made.points(label)[0][1].found for label in (EACH, UNSAID)] == [0, 1]
    assert "of words not said in their recording" in str(made) and UNSAID in str(made)
    row = made.json()["as_set"]["go"]
    assert (row["false_alarms"], row["false_alarms_not_said"], row["false_alarms_not_said_per_hour"]) == (1, 0, 0.0)


def test_tracks_do_not_hear_each_other():
    """A run at the end of a recording, the smoothing and the refractory time end with it."""
    detector = Detector(0.5, smoothing_ms=100, min_duration_ms=60, refractory_ms=1000)
    end = recording(heard=[("go", 3.7, 4.0, 0.9)])
    begin = recording(heard=[("go", 0.0, 0.4, 0.9)])
    apart = [ConcatenatedScores([one], LABELS, RATE).events(detector, ["_"]) for one in (end, begin)]
    together = ConcatenatedScores([end, begin, end], LABELS, RATE).events(detector, ["_"])
    assert [len(one[0]) for one in apart] == [1, 1] and list(together) == [0, 1, 2]
    assert [len(found) for found in together.values()] == [1, 1, 1] and together[0] == together[2]


def test_a_detector_that_never_lets_go_is_refused():
    with pytest.raises(wl.ParameterError, match="threshold or release of 0"):
        counted([recording()], Detector(0.5, 0.0))
    with pytest.raises(wl.ParameterError, match="recordings is empty"):
        ConcatenatedScores([], LABELS, RATE)


def test_delays_and_rates():
    one = Outcome(10, 4, 3, 0, 1.5, (0.1, 0.2, 0.3, -0.1))
    assert one.false_rejects == pytest.approx(0.6) and one.false_alarms_per_hour == 2.0
    assert one.delay_s(0.5) == pytest.approx(0.15)
    none = Outcome(0, 0, 0, 0, 0.0)
    assert np.isnan([none.false_rejects, none.false_alarms_per_hour, none.delay_s(0.5)]).all()


# ----------------------------------------------------------------------------------------------------------- curves
def test_a_curve_by_hand():
    recordings = [
        recording([("go", 1.0, 1.4)], [("go", 1.3, 1.5, 0.9)]),
        recording([("go", 1.0, 1.4)], [("go", 1.3, 1.5, 0.7), ("stop", 2.0, 2.2, 0.8)]),
        recording([], [("go", 2.0, 2.2, 0.8)], seconds=3600 - 8 + 0.8),
    ]
    thresholds = np.array([0.2, 0.75, 0.85, 0.95])
    made = curves(ConcatenatedScores(recordings, LABELS, RATE), PLAIN, ["go", "stop"], ["_"], thresholds=thresholds)
    assert [one.found for one in made["go"].outcomes] == [2, 1, 1, 0]
    assert [one.alarms for one in made["go"].outcomes] == [1, 1, 0, 0]
    assert made["go"].false_alarms_per_hour.tolist() == pytest.approx([1, 1, 0, 0])
    assert made["go"].false_rejects.tolist() == [0, 0.5, 0.5, 1]
    assert [one.alarms for one in made[ALL].outcomes] == [2, 2, 0, 0]
    assert made["go"].at(1.0)[0] == 0.2 and made["go"].at(0.9)[0] == 0.85  # of 0.75 and 0.85, too, the higher
    assert made["stop"].at(0.0)[0] == 0.95


def test_a_word_is_listened_for_alone():
    """The refractory time after another word, which only a joint detector knows, costs no word of its own curve."""
    recordings = [recording([("go", 1.0, 1.4)], [("stop", 1.1, 1.2, 0.9), ("go", 1.22, 1.26, 0.9)])]
    detector = Detector(0.5, smoothing_ms=0, min_duration_ms=0, refractory_ms=1000)
    made = curves(
        ConcatenatedScores(recordings, LABELS, RATE), detector, ["go", "stop"], ["_"], thresholds=np.array([0.5])
    )
    assert made["go"].outcomes[0].found == 1 and made[ALL].outcomes[0].found == 0


def test_no_threshold_is_low_enough():
    curve = Curve("go", np.array([0.5]), (Outcome(3, 3, 5, 0, 1.0),))
    threshold, one = curve.at(1.0)
    assert threshold == 1.0 and (one.words, one.found, one.alarms) == (3, 0, 0)
    with pytest.raises(wl.ParameterError, match="false_alarms_per_hour=-1"):
        curve.at(-1)


def test_thresholds_of_a_detector_are_replaced():
    detector = Detector(0.5, 0.4, smoothing_ms=40, thresholds={"go": 0.9})
    assert at_threshold(detector, 0.25).config() == {**detector.config(), "threshold": 0.25, "release": 0.2,
                                                     "thresholds": {}}  # fmt: skip
    own = with_thresholds(detector, {"go": 0.5, "stop": 0.75})
    assert own.thresholds == {"go": 0.5, "stop": 0.75} and own.release == 0.4 and own.smoothing_ms == 40


# --------------------------------------------------------------------------------------------- against the definitions
words_in = st.lists(st.tuples(st.sampled_from(["go", "stop"]), st.integers(1, 30), st.integers(1, 10)), max_size=3)
runs = st.lists(
    st.tuples(
        st.sampled_from(["go", "stop"]), st.integers(0, 190), st.integers(1, 20), st.sampled_from([0.3, 0.6, 0.9])
    ),
    max_size=6,
)
some_tracks = st.lists(st.tuples(words_in, runs, st.sets(st.sampled_from(["go", "stop"]))), min_size=1, max_size=4)


def made_recordings(drawn):
    return [
        recording(
            [(label, at / 10, (at + length) / 10) for label, at, length in said],
            [(label, at / RATE, (at + length) / RATE, score) for label, at, length, score in heard],
            untimed=untimed,
            name=str(number),
        )
        for number, (said, heard, untimed) in enumerate(drawn)
    ]


def by_definition(recordings, detector, word, words):
    """Found, alarms, excused and delays of a word, each recording with a stream of its own and every event in turn."""
    found, alarms, excused, delays = 0, 0, 0, []
    for one in recordings:
        open_words = sorted((said for said in one.said), key=lambda said: said.start_s)
        for event in detector.stream(LABELS, RATE, background=["_"]).process(one.probabilities):
            time_s = one.times_s[event.frame]
            fits = [w for w in open_words if w.label == event.label and w.start_s <= time_s <= w.end_s + 0.5]
            if fits:
                open_words.remove(fits[0])
            if event.label != word:
                continue
            if fits:
                found += 1
                delays.append(time_s - fits[0].end_s)
            elif word in one.untimed:
                excused += 1
            else:
                alarms += 1
    return found, alarms, excused, sorted(delays)


@settings(deadline=None, max_examples=60)
@given(some_tracks, st.sampled_from([0, 40, 100]), st.sampled_from([0, 60]), st.sampled_from([0, 300]))
def test_outcomes_are_what_the_definitions_say(drawn, smoothing_ms, duration_ms, refractory_ms):
    recordings = made_recordings(drawn)
    detector = Detector(0.5, smoothing_ms=smoothing_ms, min_duration_ms=duration_ms, refractory_ms=refractory_ms)
    made = counted(recordings, detector)
    for word in ("go", "stop"):
        one = made[word]
        expected = by_definition(recordings, detector, word, ["go", "stop"])
        assert (one.found, one.alarms, one.excused, sorted(one.delays_s)) == expected
        assert one.words == sum(said.label == word for recording in recordings for said in recording.said)
        audible = [recording for recording in recordings if word not in recording.untimed]
        seconds = sum(recording.duration_s - sum(w.end_s - w.start_s for w in recording.said if w.label == word)
                      for recording in audible)  # fmt: skip
        assert one.hours * 3600 == pytest.approx(seconds)
    assert made[ALL].found == made["go"].found + made["stop"].found
    assert made[ALL].alarms == made["go"].alarms + made["stop"].alarms


@settings(deadline=None, max_examples=30)
@given(some_tracks, some_tracks, st.sampled_from([0.0, 100.0, 1000.0, 1e5]))
def test_curves_of_parts_join_to_the_curve_of_the_whole(first, second, rate):
    thresholds = np.array([0.2, 0.5, 0.8, 0.95])
    parts = [made_recordings(first), made_recordings(second)]
    each = [
        curves(ConcatenatedScores(part, LABELS, RATE), PLAIN, ["go", "stop"], ["_"], thresholds=thresholds)
        for part in parts
    ]
    whole = curves(
        ConcatenatedScores(parts[0] + parts[1], LABELS, RATE), PLAIN, ["go", "stop"], ["_"], thresholds=thresholds
    )
    for label in ("go", "stop", ALL):
        both = merge_curves([some[label] for some in each])
        for one, other in zip(both.outcomes, whole[label].outcomes, strict=True):
            assert (one.words, one.found, one.alarms, one.excused) == (
                other.words, other.found, other.alarms, other.excused,
            )  # fmt: skip
            assert sorted(one.delays_s) == sorted(other.delays_s) and one.hours == pytest.approx(other.hours)
        threshold, point = whole[label].at(rate)
        assert point.alarms <= rate * point.hours + 1e-9
        fitting = [one.found for one in whole[label].outcomes if one.alarms <= rate * one.hours]
        assert point.found == max(fitting, default=0) and (threshold in thresholds or threshold == 1.0)


# ----------------------------------------------------------------------------------------------------------- report
def example_report():
    recordings = [
        recording([("go", 1.0, 1.4)], [("go", 1.44, 1.6, 0.9)]),
        recording([("stop", 1.0, 1.4)], [("stop", 1.5, 1.6, 0.9)], untimed=["go"]),
        recording([("go", 1.0, 1.4)], []),
        recording(seconds=7200.0, heard=[("go", 9.0, 9.1, 0.4), ("stop", 9.5, 9.6, 0.6)]),
    ]
    return report(ConcatenatedScores(recordings, LABELS, RATE), PLAIN, ["go", "stop"], ["_"])


@pytest.mark.slow
def test_a_report_as_a_table_and_as_json():
    found = example_report()
    lines = str(found).split("\n")
    assert lines[0].startswith("4 recordings, 2.00 h;")
    width = len(UNSAID)
    cells = {line[:width].strip(): line[width:].split() for line in lines[3:8]}
    assert cells["go"][0] == "2" and cells["go"][1:7:2] == ["50.0"] * 3 and cells["go"][7:] == ["60", "ms", "60", "ms"]
    assert cells["stop"][:2] == ["1", "0.0"]
    assert cells[EACH][:2] == ["3", "33.3"] and cells[ALL][:2] == ["3", "33.3"]
    assert "With its own thresholds: 33.3 % false rejects, 1 false alarms of all words together, 0.50 per hour" in str(
        found
    )
    assert "In 1 recordings a word is said at an unknown time" in str(found)
    made = found.json()
    assert made["words"]["go"][1]["at_most_false_alarms_per_hour"] == 1.0
    assert made["words"]["go"][1]["false_rejects"] == 0.5
    assert made["words"][EACH][0]["threshold"] is None and made["as_set"][ALL]["false_alarms"] == 1


def test_words_may_be_found_wherever_in_their_recording():
    recordings = [
        recording([("go", 1.0, 1.4)], [("go", 3.0, 3.2, 0.9), ("stop", 3.5, 3.7, 0.9)]),
        recording([("go", 1.0, 1.4)], [("go", 1.2, 1.4, 0.9), ("go", 3.0, 3.2, 0.9)]),
        recording([], [("go", 1.0, 1.2, 0.9)]),
    ]
    there = counted(by_recording(recordings))
    assert (there["go"].words, there["go"].found, there["go"].alarms, there["stop"].alarms) == (2, 2, 2, 1)
    assert there["go"].hours == counted(recordings)["go"].hours
    assert (counted(recordings)["go"].found, counted(recordings)["go"].alarms) == (1, 3)
    found = report(
        ConcatenatedScores(by_recording(recordings), LABELS, RATE), PLAIN, ["go", "stop"], ["_"], timed=False
    )
    assert "words found anywhere in their recording" in str(found) and " ms" not in str(found)
    assert found.json()["as_set"]["go"]["delay_median_s"] is None and found.json()["by_recording"]


def test_outcomes_are_pooled():
    one, other = Outcome(4, 3, 1, 1, 0.5, (0.1, 0.2, 0.3)), Outcome(6, 6, 0, 0, 1.5, (0.0,) * 6)
    both = pooled([one, other])
    assert (both.words, both.found, both.alarms, both.excused, both.hours) == (10, 9, 1, 1, 2.0)
    assert both.delays_s == one.delays_s + other.delays_s


@pytest.mark.slow
def test_the_curve_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    figures.det_curve(list(example_report().curves.values()), tmp_path / "det.png")
    assert (tmp_path / "det.png").read_bytes().startswith(b"\x89PNG")
    assert [file.name for file in tmp_path.iterdir()] == ["det.png"]
    with pytest.raises(wl.ParameterError, match="curves is empty"):
        figures.det_curve([], tmp_path / "none.png")
    with pytest.raises(wl.ParameterError, match="false_rejects must be finite"):
        bad = types.SimpleNamespace(label="go", false_rejects=[np.nan], false_alarms_per_hour=[1.0])
        figures.det_curve([bad], tmp_path / "none.png")


# ---------------------------------------------------------------------------------------------------------- listening
def loud(threshold=0.5):
    """A classifier that says "loud" of loud frames."""
    spec = wl.LogMel(sr=8000, n_fft=256, hop_length=80, n_mels=4)
    model = wl.nn.Linear(4, 2)
    weight = np.array([[0.1] * 4, [0.0] * 4], np.float32)
    model.load_state_dict({"weight": weight, "bias": np.array([10.0, 0.0], np.float32)})
    detector = Detector(threshold, smoothing_ms=30, min_duration_ms=20, refractory_ms=300)
    return wl.AudioClassifier(spec, model, ["loud", "quiet"], background=["quiet"], detector=detector)


def bursts(samples, places, rng):
    y = 1e-3 * rng.standard_normal(samples)
    for at in places:
        y[at : at + 1600] += 0.5 * rng.standard_normal(1600)
    return y.astype(np.float32)


@pytest.mark.parametrize("block", [None, 1, 80, 777, 10**6])
def test_a_track_is_what_a_stream_gives_whatever_the_blocks(block):
    clf = loud()
    y = bursts(12000, [4000], np.random.default_rng(0))
    one = Utterance("a", y[: 3000 if block == 1 else None], "s", "dev", "loud", 0.5, 0.7, frozenset())
    made, whole = listen(clf, one, block=block), listen(clf, one)
    assert (made.probabilities == whole.probabilities).all() and (made.times_s == whole.times_s).all()
    assert len(made.times_s) == len(made.probabilities) == clf.features.frames(len(one.audio))
    assert made.duration_s == len(one.audio) / 8000 and made.said == (ReferenceEvent("loud", 0.5, 0.7),)
    stream = clf.stream()
    events = stream.process(one.audio) + stream.flush()
    found = ConcatenatedScores([whole], clf.labels, clf.frame_rate).events(clf.detector, ["quiet"]).get(0, [])
    assert len(events) == (block != 1)  # the short signal ends before the burst
    assert [(event.label, event.time_s) for event in events] == [(event.label, event.time_s) for event in found]


def test_alarms_in_other_speech_played_as_one_stream(tmp_path):
    clf, rng = loud(), np.random.default_rng(1)
    signals = [bursts(8000, [2000, 6400], rng), bursts(8000, [], rng), bursts(8000, [0], rng)]
    for number, y in enumerate(signals):
        audio.write(tmp_path / f"{number}.flac", y, 8000, clip=True)
    paths = sorted(tmp_path.iterdir())
    counts, hours = alarms_elsewhere(clf, paths)
    stream = clf.stream()
    whole = np.concatenate([audio.read(path)[0] for path in paths])
    assert counts == {"loud": len(stream.process(whole) + stream.flush())} and counts["loud"] == 3
    assert hours == pytest.approx(3 / 3600)
    for number, y in enumerate(signals):
        audio.write(tmp_path / f"{number}.flac", audio.resample(y, 8000, 16000), 16000, clip=True)
    again, hours_again = alarms_elsewhere(clf, paths)
    assert again == counts and hours_again == pytest.approx(hours)
