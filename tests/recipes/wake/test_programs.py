"""Programs that speak: how they are run, which voices they have, what is said of a missing one."""

import json
import shutil
import stat
import sys
import threading
import time
from collections import Counter

import numpy as np
import pytest

from wavenetlite import audio
from wavenetlite.recipes.wake.choice import cast, known_programs
from wavenetlite.recipes.wake.espeak import Espeak
from wavenetlite.recipes.wake.festival import Festival
from wavenetlite.recipes.wake.flite import Flite
from wavenetlite.recipes.wake.mbrola import Mbrola
from wavenetlite.recipes.wake.pico import Pico
from wavenetlite.recipes.wake.piper import Piper
from wavenetlite.recipes.wake.programs import Call, SpeechError, Voice, checked_text, run
from wavenetlite.recipes.wake.rhvoice import RHVoice
from wavenetlite.recipes.wake.script import draw
from wavenetlite.recipes.wake.speech import trim
from wavenetlite.support.errors import MissingPackageError, ModelFileError, ParameterError
from wavenetlite.support.threads import StoppedError, belong_to

SPEAKING = [Espeak(), Mbrola(), Flite(), Festival(), Pico(), RHVoice()]


def python(text):
    return (sys.executable, "-S", "-E", "-c", text)


def test_a_program_reads_what_it_is_given_and_is_heard():
    assert run(Call(python("print(input()[::-1])"), "łab")) == "bał\n"


def test_much_output_and_input_do_not_block():
    given = "x" * 300_000
    assert len(run(Call(python("import sys; print(sys.stdin.read())"), given))) == len(given) + 1


def test_a_program_that_hangs_is_ended():
    with pytest.raises(SpeechError, match=r"did not end within 0\.2 s"):
        run(Call(python("import time; time.sleep(60)")), timeout_s=0.2)


def test_a_program_that_fails_is_quoted_in_one_line():
    with pytest.raises(SpeechError, match=r"failed with status 3: no such voice$"):
        run(Call(python("import sys; print('no such voice', file=sys.stderr); sys.exit(3)")))


def test_a_program_that_is_not_there():
    with pytest.raises(SpeechError, match="no-such-program cannot be run"):
        run(Call(("no-such-program",)))


def test_a_program_ends_with_those_who_wait_for_it():
    stop, seen = threading.Event(), []

    def wait():
        belong_to(stop)
        try:
            run(Call(python("import time; time.sleep(60)")))
        except StoppedError:
            seen.append("stopped")

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.1)
    stop.set()
    thread.join(10)
    assert seen == ["stopped"]


@pytest.mark.parametrize("text", ["", " \n ", "!?", "a\0b", "x" * 501])
def test_what_cannot_be_said_is_refused(text):
    with pytest.raises(ParameterError, match="phrase"):
        checked_text("phrase", text)


def test_spaces_do_not_matter():
    assert checked_text("phrase", " hey \n marcel ") == "hey marcel"


# Voices


@pytest.mark.parametrize("program", SPEAKING, ids=lambda one: one.name)
def test_programs_that_are_installed_speak(program, tmp_path):
    if not program.installed() or not program.voices("en"):
        pytest.skip(f"{program.name} is not installed")
    voices = program.voices("en")
    assert voices == program.voices("en")
    assert len({voice.name for voice in voices}) == len(voices) > 0
    path = tmp_path / "a.wav"
    run(program.call(voices[-1].name, "-hello", path, 1.2, 1.1))
    assert path.stat().st_size > 4000


def test_espeak_speaks_many_languages():
    if not Espeak().installed():
        pytest.skip("espeak-ng is not installed")
    assert len(Espeak().voices("en")) > 100
    assert {voice.name.split("+")[0] for voice in Espeak().voices("de")} >= {"de"}
    assert Espeak().voices("en")[0].phonemes


def test_a_language_that_nobody_speaks_is_told():
    if not Espeak().installed():
        pytest.skip("espeak-ng is not installed")
    with pytest.raises(ParameterError, match="language='xx'"):
        cast("xx", ["espeak-ng"], None, known_programs())


def piper_here(folder, monkeypatch, about):
    """A stand-in for piper, first on the path, and a voice."""
    program = folder / "bin" / "piper"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\n"
        "import sys, wave\n"
        "text = sys.stdin.read(); to = sys.argv[sys.argv.index('-f') + 1]\n"
        "assert '-m' in sys.argv and text.strip()\n"
        "with wave.open(to, 'wb') as f:\n"
        "    f.setnchannels(1); f.setsampwidth(2); f.setframerate(22050); f.writeframes(bytes(2000) + b'ab' * 9000)\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    voices = folder / "voices"
    (voices / "en").mkdir(parents=True)
    (voices / "en" / "amy.onnx").write_bytes(b"")
    (voices / "en" / "amy.onnx.json").write_text(about)
    return voices


def test_piper_has_the_voices_of_a_folder(tmp_path, monkeypatch):
    voices = piper_here(tmp_path, monkeypatch, json.dumps({"language": {"code": "en_US"}, "num_speakers": 3}))
    piper = Piper(voices)
    assert piper.installed()
    assert [voice.name for voice in piper.voices("en")] == [f"en/amy.onnx#{speaker}" for speaker in range(3)]
    assert piper.voices("de") == []
    call = piper.call("en/amy.onnx#2", "hey", tmp_path / "a.wav", 2.0, 1.0)
    run(call)
    assert (tmp_path / "a.wav").exists()
    assert call.command[1:5] == ("-m", str(voices / "en/amy.onnx"), "--speaker", "2")
    assert "0.500" in call.command


def test_piper_finds_its_folder_in_the_environment(tmp_path, monkeypatch):
    voices = piper_here(tmp_path, monkeypatch, json.dumps({"espeak": {"voice": "en-gb"}}))
    monkeypatch.setenv("PIPER_VOICES", str(voices))
    assert [voice.name for voice in Piper().voices("en")] == ["en/amy.onnx"]
    monkeypatch.delenv("PIPER_VOICES")
    assert not Piper().installed()


def test_a_damaged_description_of_a_voice_is_named(tmp_path, monkeypatch):
    voices = piper_here(tmp_path, monkeypatch, "{")
    with pytest.raises(ModelFileError, match=r"amy\.onnx\.json"):
        Piper(voices).voices("en")


# Choice


def test_one_voice_in_eight_is_kept_back(tones):
    tones.names = tuple(f"voice-{number}" for number in range(16))
    chosen = cast("en", None, None, {"tones": tones})
    assert (len(chosen.training), len(chosen.measuring)) == (14, 2)
    assert not set(chosen.training) & set(chosen.measuring)


def test_a_variant_is_kept_back_in_all_its_accents(tones):
    tones.names = tuple(f"{accent}+{variant}" for accent in ("en", "de") for variant in "abcdefghij")
    chosen = cast("en", None, None, {"tones": tones})
    variants = [{voice.name.split("+")[1] for voice in some} for some in (chosen.training, chosen.measuring)]
    assert not variants[0] & variants[1]


def test_voices_are_chosen_by_name(tones):
    chosen = cast("en", ["tones"], ["tones:odd"], {"tones": tones})
    assert [voice.name for voice in chosen.training] == ["high", "low"]
    assert [voice.name for voice in chosen.measuring] == ["odd"]


@pytest.mark.parametrize(("voices", "message"), [
    (["nobody"], "voices has 'nobody'; it must be one of tones"),
    (["tones:deep"], "tones has no such voice for language='en', it has high, low, odd"),
])  # fmt: skip
def test_a_voice_that_is_not_there_is_told(tones, voices, message):
    with pytest.raises(ParameterError, match=message):
        cast("en", voices, None, {"tones": tones})


def test_no_program_at_all(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("espeak-ng") is None
    with pytest.raises(MissingPackageError, match="apt install espeak-ng"):
        cast("en", None, None, known_programs())
    with pytest.raises(MissingPackageError, match="flite is not installed"):
        cast("en", ["flite"], None, known_programs())


@pytest.mark.parametrize("program", SPEAKING, ids=lambda one: one.name)
def test_every_kind_of_voice_heeds_the_speed(program, tmp_path):
    """Voices of HTS pass over what others of festival heed."""
    if not program.installed():
        pytest.skip(f"{program.name} is not installed")
    voices = [voice.name for voice in program.voices("en")]
    for voice in voices[:: max(1, len(voices) // 4)]:
        lengths = []
        for speed in (0.75, 1.33):
            run(program.call(voice, "hey marcel", tmp_path / "a.wav", speed, 1.1))
            lengths.append(len(trim(audio.read(tmp_path / "a.wav", mono="mean")[0])))
        assert lengths[0] > 1.3 * lengths[1], voice


def test_every_voice_of_a_program_is_drawn_as_often_and_small_programs_are_not_lost():
    names = {"many": 64, "few": 4}
    voices = [Voice(program, str(number)) for program, count in names.items() for number in range(count)]
    drawn = draw(voices, 1000, np.random.default_rng(0))
    counts = Counter(drawn)
    assert len(drawn) == 1000
    assert Counter(voice.program for voice in drawn) == {"many": 800, "few": 200}
    for program in names:
        own = [count for voice, count in counts.items() if voice.program == program]
        assert max(own) - min(own) <= 1
    assert {voice.program for voice in drawn[:50]} == set(names)  # in random order
    assert draw([], 10, np.random.default_rng(0)) == []
