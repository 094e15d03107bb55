"""Speech: kept on disk, trimmed, and what becomes of a program that fails."""

import numpy as np
import pytest

from wavenetlite.recipes.wake.programs import SpeechError, Voice
from wavenetlite.recipes.wake.speech import SR, Speech, Utterance, trim

HIGH = Voice("tones", "high")


def test_what_was_said_is_kept(tones, tmp_path):
    speech = Speech({"tones": tones}, tmp_path / "speech")
    texts = [Utterance("ab", HIGH), Utterance("ab", HIGH, speed=1.5), Utterance("ba", Voice("tones", "low"))]
    first, problems = speech.say_all(texts, threads=2)
    assert not problems
    assert sorted(path.suffix for path in speech.folder.iterdir()) == [".flac"] * 3
    tones.script.unlink()  # nobody can speak any more
    again, problems = speech.say_all(texts)
    assert not problems
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(first[1]) < len(first[0])


def test_a_few_failures_are_reported_and_many_raise(tones, tmp_path):
    speech = Speech({"tones": tones}, tmp_path / "speech")
    silent = Utterance("   ", HIGH)
    made, problems = speech.say_all([Utterance("ab", HIGH), silent, Utterance("ba", HIGH)])
    assert made[1] is None and len(made[0]) > 1000
    assert problems == ["tones:high: '   ' gave only silence"]
    with pytest.raises(SpeechError, match="2 of 2 utterances of tones failed"):
        speech.say_all([silent, silent])


def test_the_failure_told_is_one_of_the_program_told(tones, tmp_path):
    speech = Speech({"tones": tones, "others": tones}, tmp_path / "speech")
    other = Voice("others", "high")
    with pytest.raises(SpeechError, match="1 of 1 utterances of tones failed; the last: tones:high: ' ' gave"):
        speech.say_all([Utterance(" ", HIGH), Utterance("ab", other), Utterance("   ", other)])


def test_a_program_that_hangs_is_named_with_its_text(tones, tmp_path):
    tones.script.write_text("import time; time.sleep(60)")
    with pytest.raises(SpeechError, match=r"tones:high: 'ab': python.* did not end within 0\.3 s"):
        Speech({"tones": tones}, tmp_path / "speech", timeout_s=0.3).say_all([Utterance("ab", HIGH)])


def test_nothing_is_left_of_a_failure(tones, tmp_path):
    tones.script.write_text("open(__import__('sys').argv[2], 'w').write('no audio')")
    speech = Speech({"tones": tones}, tmp_path / "speech")
    with pytest.raises(SpeechError, match="gave no recording"):
        speech.say_all([Utterance("ab", HIGH)])
    assert list(speech.folder.iterdir()) == []


def test_speech_is_cut_out_of_silence():
    y = np.zeros(SR, np.float32)
    y[6000:8000] = 0.01 * np.sin(np.arange(2000) / 3)
    part = trim(y)
    assert 2000 <= len(part) <= 2000 + 2 * 480
    assert np.abs(part).max() == pytest.approx(0.5)


@pytest.mark.parametrize("samples", [0, 1, 5000])
def test_silence_is_nothing(samples):
    assert len(trim(np.zeros(samples, np.float32))) == 0


def test_a_signal_of_any_length_is_kept_whole():
    for samples in (1600, 1601, 1759):
        y = np.sin(np.arange(samples, dtype=np.float32))
        assert len(trim(y)) == samples
