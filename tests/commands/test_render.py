"""The command render: a file through a model, block by block, atomically."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from catalogue import randomised

import wavenetlite as wl
from wavenetlite import audio, nn
from wavenetlite.cli import main


def amp(sr=8000, channels=1):
    layers = [nn.AmpLayer(4, channels, kernel_size=3, dilation=d) for d in (1, 2, 4)]
    return randomised(nn.AmpWaveNet([nn.AmpArray(channels, layers, head_channels=channels, head_bias=True)], sr=sr))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A model, and files of one and two channels."""
    monkeypatch.chdir(tmp_path)
    amp().save("amp.safetensors")
    y = (0.3 * np.random.default_rng(0).standard_normal((9001, 2))).astype(np.float32)
    audio.write("mono.wav", y[:, 0], 8000, subtype="FLOAT")
    audio.write("stereo.wav", y, 8000, subtype="FLOAT")
    return tmp_path


def render(*arguments, model="amp.safetensors"):
    return main(["render", *arguments, "--model", model])


@pytest.mark.parametrize("block", [1, 7, 4096, 100_000])
def test_the_result_is_that_of_the_whole_file(folder, block):
    assert render("mono.wav", "out.wav", "--block", str(block)) == 0
    y, sr = audio.read("out.wav")
    assert sr == 8000 and np.array_equal(y, wl.load("amp.safetensors")(audio.read("mono.wav")[0][:, None])[:, 0])


def test_channels_are_rendered_one_by_one_or_as_one(folder):
    model, y = wl.load("amp.safetensors"), audio.read("stereo.wav")[0]
    assert render("stereo.wav", "out.wav") == 0
    each = np.concatenate([model(y[:, :1]), model(y[:, 1:])], axis=1)
    assert np.array_equal(audio.read("out.wav")[0], each)
    assert render("stereo.wav", "out.wav", "--mono", "1") == 0
    assert np.array_equal(audio.read("out.wav")[0], each[:, 1])
    assert render("stereo.wav", "out.wav", "--mono", "mean") == 0
    assert np.array_equal(audio.read("out.wav")[0], model(audio.to_mono(y, "mean")[:, None])[:, 0])


def test_a_resampler_that_has_not_begun_gives_no_frames(folder):
    audio.write("fast.wav", audio.read("stereo.wav")[0], 16000, subtype="FLOAT")
    assert render("fast.wav", "out.wav", "--resample", "--block", "1") == 0
    assert audio.read("out.wav")[0].shape == (4501, 2)


@pytest.fixture
def cabinet(folder):
    """An impulse response in a file."""
    taps = (0.1 * np.random.default_rng(1).standard_normal(400)).astype(np.float32)
    audio.write("cabinet.wav", taps, 8000, subtype="FLOAT")
    network = nn.ImpulseResponse(400)
    network.load_state_dict({"weight": taps})
    return network


@pytest.mark.parametrize("block", ["1", "999", "100000"])
def test_an_impulse_response_after_the_model(cabinet, block):
    assert render("mono.wav", "out.wav", "--ir", "cabinet.wav", "--block", block) == 0
    dry = wl.load("amp.safetensors")(audio.read("mono.wav")[0][:, None])
    assert np.array_equal(audio.read("out.wav")[0], cabinet(dry)[:, 0])


def test_an_impulse_response_alone_on_each_channel(cabinet, capsys):
    assert main(["render", "stereo.wav", "out.wav", "--ir", "cabinet.wav", "--json"]) == 0
    y = audio.read("stereo.wav")[0]
    each = np.concatenate([cabinet(np.ascontiguousarray(y[:, i : i + 1])) for i in range(2)], axis=1)
    assert np.array_equal(audio.read("out.wav")[0], each)
    about = json.loads(capsys.readouterr().out)
    assert (about["ir"], about["model"], about["samples"]) == ("cabinet.wav", None, 9001)


def test_a_network_with_latency_before_an_impulse_response(cabinet):
    same = randomised(wl.Sequential([nn.Conv1d(1, 1, 9, padding="same")]))
    same.save("same.safetensors")
    assert render("mono.wav", "out.wav", "--ir", "cabinet.wav", "--block", "100", model="same.safetensors") == 0
    assert np.array_equal(audio.read("out.wav")[0], cabinet(same(audio.read("mono.wav")[0][:, None]))[:, 0])


@pytest.mark.parametrize(("arguments", "status", "said"), [
    (["--ir", "stereo.wav"], 1, "stereo.wav: has 2 channels; an impulse response must have one"),
    (["--ir", "fast.wav"], 1, "fast.wav"),
    (["--ir", "empty.wav"], 1, "empty.wav: has 0 samples"),
    (["--ir", "missing.wav"], 1, "missing.wav"),
    (["--ir", "broken.wav"], 1, "broken.wav: not finite at sample 0\n"),
    ([], 2, "needs --model FILE or --ir FILE"),
    (["--ir", "cabinet.wav", "--load", "slim=0.3"], 2, "--load needs --model"),
])  # fmt: skip
def test_bad_impulse_responses(cabinet, capsys, arguments, status, said):
    audio.write("fast.wav", np.ones(30, np.float32), 16000)
    audio.write("empty.wav", np.ones(0, np.float32), 8000)
    soundfile.write("broken.wav", np.full(9, np.nan), 8000, subtype="FLOAT")
    assert main(["render", "mono.wav", "out.wav", *arguments]) == status
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") <= 2
    assert not Path("out.wav").exists()


def test_the_file_of_an_impulse_response_is_not_overwritten(cabinet, capsys):
    assert main(["render", "mono.wav", "cabinet.wav", "--ir", "cabinet.wav"]) != 0
    assert len(audio.read("cabinet.wav")[0]) == 400


def test_an_impulse_response_is_resampled_when_asked(cabinet):
    """Its gain stays: a tone is as loud as by the same impulse response at the rate of the signal."""
    audio.write("tone.wav", (0.3 * np.sin(0.1 * np.arange(4000))).astype(np.float32), 8000, subtype="FLOAT")
    for name, sr in [("fast.wav", 16000), ("same.wav", 8000)]:
        decay = np.exp(-200 * np.arange(sr // 10) / sr) * 200 / sr
        audio.write(name, decay.astype(np.float32), sr, subtype="FLOAT")
    made = []
    for name in ("fast.wav", "same.wav"):
        assert main(["render", "tone.wav", "out.wav", "--ir", name, "--resample"]) == 0
        made.append(audio.read("out.wav")[0][1000:])
    assert np.abs(made[0]).max() == pytest.approx(np.abs(made[1]).max(), rel=0.03)


def test_a_network_of_two_channels_takes_both(folder, capsys):
    model = amp(channels=2)
    model.save("two.safetensors")
    assert render("stereo.wav", "out.wav", model="two.safetensors") == 0
    assert np.array_equal(audio.read("out.wav")[0], model(audio.read("stereo.wav")[0]))
    assert render("mono.wav", "no.wav", model="two.safetensors") == 1
    assert "mono.wav: has 1 channels; it must have 2, as the model requires" in capsys.readouterr().err


def test_a_network_with_latency_gives_as_many_samples(folder):
    model = randomised(nn.Conv1d(1, 1, 9, padding="same"))
    model.save("same.safetensors")
    assert render("mono.wav", "out.wav", "--block", "100", model="same.safetensors") == 0
    assert np.array_equal(audio.read("out.wav")[0], model(audio.read("mono.wav")[0][:, None])[:, 0])


def test_the_sample_rate_is_never_changed_silently(folder, capsys):
    audio.write("fast.wav", audio.read("mono.wav")[0], 16000, subtype="FLOAT")
    assert render("fast.wav", "out.wav") == 1
    assert "its sample rate is 16000, not sr=8000 (give --resample to convert)" in capsys.readouterr().err
    assert render("fast.wav", "out.wav", "--resample") == 0
    assert audio.info("out.wav").sr == 8000 and abs(audio.info("out.wav").samples - 4500) <= 2
    assert render("mono.wav", "out.wav", "--sr", "44100") == 2
    assert "--sr 44100: the sample rate of amp.safetensors is 8000" in capsys.readouterr().err


def test_a_model_without_a_sample_rate(folder, capsys):
    amp(sr=None).save("any.safetensors")
    assert render("mono.wav", "out.wav", model="any.safetensors") == 0
    assert "does not give its sample rate; using 8000, that of mono.wav" in capsys.readouterr().err
    assert render("mono.wav", "out.wav", "--sr", "4000", "--resample", model="any.safetensors") == 0
    assert audio.info("out.wav").sr == 4000 and not capsys.readouterr().err
    assert render("mono.wav", "out.wav", "--sr", "4000", model="any.safetensors") == 1
    assert render("mono.wav", "out.wav", "--resample", model="any.safetensors") == 2
    assert "--resample needs --sr" in capsys.readouterr().err


def test_the_summary(folder, capsys):
    assert render("stereo.wav", "out.wav", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told.pop("elapsed_s") > 0
    peak = float(np.abs(audio.read("out.wav")[0]).max())
    assert told == {"in": "stereo.wav", "out": "out.wav", "model": "amp.safetensors", "ir": None, "sr": 8000,
                    "channels": 2, "samples": 9001, "seconds": 9001 / 8000, "peak": peak, "clipped": False}  # fmt: skip
    assert render("mono.wav", "out.wav") == 0
    assert "out.wav: 1.13 s, 8,000 Hz, 1 channel, peak" in capsys.readouterr().out


def test_encodings(folder, capsys):
    for name, arguments, subtype in [("a.wav", [], "FLOAT"), ("a.flac", ["--clip"], "PCM_24"), ("b.wav", ["--clip",
                                     "--subtype", "PCM_16"], "PCM_16")]:  # fmt: skip
        assert render("mono.wav", name, *arguments) == 0
        assert audio.info(name).subtype == subtype


def test_what_an_encoding_cannot_hold_is_refused_or_clipped(folder, capsys):
    loud = nn.Conv1d(1, 1, 1, bias=False)
    loud.load_state_dict({"weight": np.full((1, 1, 1), 10, np.float32)})
    loud.save("loud.safetensors")
    assert render("mono.wav", "out.flac", model="loud.safetensors") == 1
    assert "PCM_24 holds -1..1 (or give --clip)" in capsys.readouterr().err
    assert not (folder / "out.flac").exists() and not list(folder.glob(".*"))
    assert render("mono.wav", "out.flac", "--clip", "--json", model="loud.safetensors") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["clipped"] and told["peak"] > 1 and np.abs(audio.read("out.flac")[0]).max() <= 1


def test_an_older_file_stays_when_something_fails(folder, capsys):
    (folder / "out.wav").write_bytes(b"old")
    bad = audio.read("mono.wav")[0].copy()
    bad[5000] = np.nan
    import soundfile

    soundfile.write("bad.wav", bad, 8000, subtype="FLOAT")
    assert render("bad.wav", "out.wav", "--block", "100") == 1
    assert "not finite at sample 5000" in capsys.readouterr().err
    assert (folder / "out.wav").read_bytes() == b"old" and not list(folder.glob(".*"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no.wav", "out.wav"], "no.wav: there is no such file"),
        (["amp.safetensors", "out.wav"], "amp.safetensors: not audio, or damaged"),
        (["mono.wav", "out.xyz"], "must have the suffix of a format"),
        (["mono.wav", "no/out.wav"], "no/out.wav: cannot be written: there is no folder no"),
        (["mono.wav", "out.wav", "--subtype", "VORBIS"], "subtype='VORBIS' must be one of"),
    ],
)
def test_mistakes_are_told_in_one_line(folder, capsys, arguments, said):
    assert render(*arguments) == 1
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not (folder / "out.wav").exists()


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (lambda: nn.Conv1d(1, 1, 3, stride=2), "does not give one frame per sample"),
        (lambda: nn.Activation("tanh"), "has no fixed number of channels"),
        (lambda: nn.FiLM(1, 1), "needs conditioning"),
    ],
)
def test_networks_that_make_no_audio_are_refused(folder, capsys, model, said):
    model().save("other.safetensors")
    assert render("mono.wav", "out.wav", model="other.safetensors") == 1
    assert said in capsys.readouterr().err
    assert render("mono.wav", "out.wav", model="speech-commands-12") == 1
    assert "it must be a network that makes audio" in capsys.readouterr().err


def test_options_of_the_format_are_passed_on(folder, capsys):
    assert render("mono.wav", "out.wav", "--load", "slim=0.5") == 1
    assert "slim=0.5 is no option of the format wavenetlite" in capsys.readouterr().err


def test_a_file_too_long_for_a_wav_is_refused_at_once():
    from wavenetlite.commands.render import check_size

    check_size("a.wav", 2**30 - 2**15, "FLOAT")
    with pytest.raises(wl.ParameterError, match=r"it must end in \.w64"):
        check_size("a.wav", 2**30, "FLOAT")
    check_size("a.flac", 2**40, "PCM_24")
