"""Programs whose voices are packages of their own, by stand-ins: a voice that is listed need not be there."""

import stat
import sys

import pytest

from wavenetlite.recipes.wake import espeak, mbrola, rhvoice
from wavenetlite.recipes.wake.choice import cast, known_programs
from wavenetlite.recipes.wake.mbrola import Mbrola
from wavenetlite.recipes.wake.pico import Pico
from wavenetlite.recipes.wake.rhvoice import RHVoice
from wavenetlite.support.errors import ParameterError

LISTED = """\
Pty Language       Age/Gender VoiceName          File                 Other Languages
 2  en-gb           --/M      English_(Great_Britain) gmw/en               (en 2)
 5  en-us           --/M      us-mbrola-2        mb/mb-us2            (en 7)
 5  en-us           --/F      us-mbrola-1        mb/mb-us1            (en 8)
 9  en              --/F      en-german-1        mb/mb-de1-en
"""
ESPEAK = f"""\
import sys
if sys.argv[1].startswith("--voices="):
    print({LISTED!r}, end="")
elif sys.argv[sys.argv.index("-v") + 1] == "mb-us2":
    sys.exit("Could not load the specified mbrola voice file.")
"""


def program(folder, name, script=""):
    file = folder / "bin" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!{sys.executable} -SE\n{script}")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder whose programs are the only ones; nothing is remembered of other ones."""
    remembered = espeak.voice_rows, mbrola.is_there, rhvoice.list_voices
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    for one in remembered:
        one.cache_clear()
    yield tmp_path
    for one in remembered:
        one.cache_clear()


def test_mbrola_has_the_voices_whose_recordings_are_there(here):
    program(here, "espeak-ng", ESPEAK)
    assert not Mbrola().installed()
    program(here, "mbrola")
    assert Mbrola().installed()
    assert [voice.name for voice in Mbrola().voices("en")] == ["mb-de1-en", "mb-us1"]
    assert all(voice.phonemes for voice in Mbrola().voices("en"))
    assert espeak.accents("en") == ("en-gb",)


def test_mbrola_without_voices_leaves_the_others(here):
    program(here, "espeak-ng", ESPEAK.replace('"mb-us2"', 'sys.argv[sys.argv.index("-v") + 1]'))
    program(here, "mbrola")
    assert Mbrola().voices("en") == []
    with pytest.raises(ParameterError, match="mbrola has no such voice for language='en', nor any other"):
        cast("en", ["mbrola"], None, known_programs())


def test_rhvoice_has_the_voices_beside_it(here):
    program(here, "RHVoice-test")
    for name, language in (("alan", "English"), ("anna", "Russian"), ("odd", "")):
        folder = here / "share" / "RHVoice" / "voices" / name
        folder.mkdir(parents=True)
        about = f"name={name.title()}\nlanguage={language}\nformat=4\n" if language else "format=4\n"
        (folder / "voice.info").write_text(about)
    assert RHVoice().installed()
    assert [voice.name for voice in RHVoice().voices("en")] == ["Alan"]
    assert [voice.name for voice in RHVoice().voices("ru")] == ["Anna"]
    assert RHVoice().voices("xx") == []


def test_rhvoice_without_voices(here):
    program(here, "RHVoice-test")
    assert RHVoice().voices("en") == []


def test_pico_is_told_what_it_can_do_in_marks(tmp_path):
    command = Pico().call("en-GB", "salt & <pepper>", tmp_path / "a.wav", 0.1, 3.0).command
    assert command[:3] == ("pico2wave", "-l", "en-GB")
    assert command[-1] == '<pitch level="200"><speed level="20">salt &amp; &lt;pepper&gt;</speed></pitch>'
    assert [voice.name for voice in Pico().voices("en")] == ["en-GB", "en-US"]
    assert Pico().voices("pl") == []
