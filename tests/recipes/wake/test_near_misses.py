"""Near misses: near, but never the phrase."""

import numpy as np
import pytest

from wavenetlite.recipes.wake.espeak import Espeak
from wavenetlite.recipes.wake.near_misses import LEAST_REPLACED, NearMisses
from wavenetlite.recipes.wake.phonemes import distance, flatten, is_vowel, pronounce, pronounced_words
from wavenetlite.recipes.wake.programs import Voice
from wavenetlite.recipes.wake.script import script
from wavenetlite.recipes.wake.sentences import SENTENCES, words

VOICES = [Voice("tones", "a", phonemes=True), Voice("tones", "b")]


@pytest.fixture(params=[None, "en-us"], ids=["letters", "phonemes"])
def language(request):
    if request.param and not Espeak().installed():
        pytest.skip("espeak-ng is not installed")
    return request.param


@pytest.mark.parametrize(("a", "b", "far"), [("", "", 0), ("abc", "abc", 0), ("abc", "ac", 1), ("abc", "xbcd", 2),
                                             ("kitten", "sitting", 3), ("", "ab", 2)])  # fmt: skip
def test_distance_counts_changes(a, b, far):
    assert distance(a, b) == distance(b, a) == far


def test_stress_does_not_count():
    assert distance(["'E", "l"], ["E", "l"]) == 0
    assert is_vowel("'eI") and not is_vowel("tS")


def test_texts_are_near_and_differ(language):
    near = NearMisses(["hey marcel"], language)
    texts = near.texts("hey marcel")
    assert {"hey", "marcel", "marcel hey", "marcel marcel"} <= set(texts)
    assert "hey marcel" not in texts and len(texts) > 15
    for text in texts:
        assert near.differs(near.sound(text)), text


def test_a_phrase_is_no_near_miss_of_another(language):
    near = NearMisses(["lights on", "lights off"], language)
    assert not {"lights on", "lights off"} & {*near.texts("lights on"), *near.texts("lights off")}


def test_what_holds_the_phrase_does_not_differ():
    near = NearMisses(["marcel"], None)
    assert not near.differs(near.sound("hello marcel there"))
    assert near.differs(near.sound("hello there"))


def test_a_phrase_of_one_letter():
    assert "x" not in NearMisses(["x"], None).texts("x")


def test_phonemes_are_changed_but_not_into_the_phrase():
    if not Espeak().installed():
        pytest.skip("espeak-ng is not installed")
    near, rng = NearMisses(["hey marcel"], "en-us"), np.random.default_rng(0)
    made = [near.phonemes("hey marcel", rng) for _ in range(30)]
    assert len(set(made)) > 25 and all(one.startswith("[[") and one.endswith("]]") for one in made)
    phrase = flatten(pronounce("hey marcel", "en-us"))
    for one in made:
        sound = flatten(pronounce(one, "en-us"))
        assert distance(sound, phrase) >= LEAST_REPLACED * len(phrase) - 1 and any(map(is_vowel, sound))


def test_words_together_sound_as_they_do_alone():
    if not Espeak().installed():
        pytest.skip("espeak-ng is not installed")
    some = ("apple", "read", "x", "don't")
    assert pronounced_words(some, "en-us") == tuple(pronounce(word, "en-us") for word in some)


# The script


def test_a_script_is_that_of_its_seed():
    near = NearMisses(["hey marcel"], None)
    options = {"utterances": 20, "measured": 5}
    one, same, other = (script(near, SENTENCES, VOICES[:1], VOICES[1:], seed=seed, **options) for seed in (3, 3, 4))
    assert one == same != other
    assert [len(some) for some in (*one.phrases, *one.kept_back, one.near_misses, one.sentences)] == [20, 5, 20, 20]
    assert {utterance.voice for utterance in one.kept_back[0]} == {VOICES[1]}
    assert VOICES[1] not in {utterance.voice for utterance in (*one.phrases[0], *one.near_misses, *one.sentences)}


def test_a_script_does_not_say_a_phrase_among_the_sentences():
    near = NearMisses(["timer for twenty minutes"], None)
    said = script(near, SENTENCES, VOICES, VOICES, utterances=300, measured=1, seed=0).sentences
    assert not any("timer for twenty minutes" in one.text for one in said)
    assert any("timer for twenty minutes" in one for one in SENTENCES)


def test_the_words_of_the_sentences():
    assert words(("Don't go, Peter!", "Go 'now'")) == ("don't", "go", "now", "peter")
