"""What shells complete, tried in the shells that there are."""

import shutil
import subprocess

import pytest

import wavenetlite as wl
from wavenetlite.cli import COMMANDS, main


def printed(capsys, shell):
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


@pytest.fixture
def completed(capsys, tmp_path):
    """What bash offers for the last of some words."""
    if shutil.which("bash") is None:
        pytest.skip("without bash")
    script = printed(capsys, "bash")
    (tmp_path / "sound.wav").touch()

    def complete(*words):
        call = (
            f"COMP_WORDS=(wavenetlite {' '.join(repr(word) for word in words)}); COMP_CWORD={len(words)}; _wavenetlite"
        )
        lines = f'{script}\n{call}\nprintf "%s\\n" "${{COMPREPLY[@]}}"'
        done = subprocess.run(["bash", "-c", lines], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert not done.stderr
        return set(done.stdout.split())

    return complete


def test_commands(completed):
    assert completed("") == set(COMMANDS)
    assert completed("cl") == {"classify"}
    assert completed("x") == set()


def test_options_of_each_command(completed):
    assert {"--recipe", "--init", "--freeze", "--help"} <= completed("train", "--")
    assert completed("train", "--rec") == {"--recipe"}
    assert "--recipe" not in completed("classify", "--")
    for command in COMMANDS:
        assert "--help" in completed(command, "--h")


def test_choices_files_and_models(completed):
    assert completed("evaluate", "m", "d", "--split", "") == {"test", "valid", "train", "all"}
    assert completed("classify", "so") == {"sound.wav"}
    assert completed("info", "speech") == {"speech-commands-12", "speech-commands-12-live"}
    assert set(wl.models.names()) <= completed("info", "")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_read_it(capsys, shell):
    script = printed(capsys, shell)
    assert all(command in script for command in COMMANDS)
    if shutil.which(shell) is None:
        pytest.skip(f"without {shell}")
    subprocess.run([shell, "-n"], input=script, text=True, check=True)


def test_another_shell_is_wrong_usage(capsys):
    assert main(["completion", "csh"]) == 2
