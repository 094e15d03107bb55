"""The C header of a network has the engine's bits, frame by frame, and compiles without a warning."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from c_programs import AARCH64, ARMHF, CONTRACTING, CPP, GCC, compiled, run
from catalogue import CATALOGUE, condition, randomised, same_bits, signal
from instruction_sets import run_python
from wake_words import micro_word

import wavenetlite as wl
from wavenetlite import formats, nodes
from wavenetlite.graph import Edge
from wavenetlite.kernels import ACTIVATIONS
from wavenetlite.nodes.c_activation import ACTIVATIONS_IN_C
from wavenetlite.serve.models import bundled_classifiers

EXPORTED = [name for name, case in CATALOGUE.items() if case.build().in_channels]
GROUPS = [EXPORTED[first::6] for first in range(6)]
SOME = EXPORTED[::9]
ALL_MACHINES = EXPORTED if os.environ.get("WAVENETLITE_C_ALL") else SOME
NO_FMA = [f"-DNET{number}_NO_FMA" for number in range(len(EXPORTED))] if wl.isa() == "sse2" else []
"""Without fused multiply-adds C has the bits that the engine has without them."""

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc here")


def signal_of(name, model):
    case = CATALOGUE[name]
    x = signal(330 if "d300" in name else 97, case.in_channels)
    return x, condition(-(-len(x) // model.condition_period), case.condition_channels)


def compare(folder, names, compiler, *defines):
    """Hold the C of these networks against the engine."""
    models = {f"net{number}": CATALOGUE[name].model() for number, name in enumerate(names)}
    signals = {f"net{number}": signal_of(name, models[f"net{number}"]) for number, name in enumerate(names)}
    ran = run(compiled(folder, models, compiler, *defines), models, signals)
    for name, (key, model) in zip(names, models.items(), strict=True):
        x, c = signals[key]
        stream = model.stream()
        assert same_bits(ran[key].frames, stream.process(x, c)), name
        assert same_bits(ran[key].flushed, stream.flush()), name
        said = re.search(r"; ([\d,]+) bytes each", (folder / f"{key}.h").read_text())[1]
        assert ran[key].state_bytes == int(said.replace(",", "")), name


@needs_gcc
@pytest.mark.slow
@pytest.mark.parametrize("group", range(len(GROUPS)))
def test_every_layer_block_and_network(group, tmp_path):
    compare(tmp_path, GROUPS[group], GCC, *NO_FMA)


@pytest.mark.slow
@pytest.mark.parametrize("compiler", [CONTRACTING, CPP], ids=["optimised, in GNU mode", "C++"])
def test_other_ways_to_compile(compiler, tmp_path):
    compare(tmp_path, SOME, compiler, *NO_FMA)


@pytest.mark.slow
@pytest.mark.skipif(wl.isa() == "sse2", reason="the emulated machines have fused multiply-adds")
@pytest.mark.parametrize("compiler", [AARCH64, ARMHF], ids=["arm64", "armhf"])
def test_other_machines_emulated(compiler, tmp_path):
    compare(tmp_path, ALL_MACHINES, compiler)


@needs_gcc
def test_integers_with_conditioning_of_its_own_rate(tmp_path):
    slow = wl.Sequential([wl.nn.Conv1d(3, 4, 2), wl.nn.Upsample(5)])
    floats = randomised(wl.WaveNet(1, 4, residual_channels=8, skip_channels=8, dilations=[1, 2], condition_channels=3,
                                   condition=slow))  # fmt: skip
    x, c = signal(97, 1), condition(20, 3)
    model = wl.quantize(floats, calibration=(x, c))
    no_fma = ["-DNET_NO_FMA"] if wl.isa() == "sse2" else []
    ran = run(compiled(tmp_path, {"net": model}, GCC, *no_fma), {"net": model}, {"net": (x, c)})
    assert same_bits(ran["net"].frames, model(x, c))


WITHOUT_FMA = """
import sys
from pathlib import Path
import pytest, test_c
from c_programs import GCC
folder = Path(sys.argv[1])
test_c.compare(folder, test_c.SOME[:9], GCC, *test_c.NO_FMA)
assert test_c.NO_FMA
print("same bits")
"""


@needs_gcc
@pytest.mark.slow
@pytest.mark.skipif(wl.isa() in ("sse2", "neon"), reason="needs SSE2 beside another instruction set")
def test_without_fused_multiply_adds_it_has_the_bits_of_sse2(tmp_path):
    here = str(Path(__file__).parent)
    done = run_python(["-c", f"import sys; sys.path.append({here!r})\n{WITHOUT_FMA}", str(tmp_path)], "sse2")
    assert done.stdout == "same bits\n", done.stderr


@pytest.mark.slow
def test_a_cortex_m4_gets_its_constants_in_flash(tmp_path):
    tool = "arm-none-eabi-gcc"
    if shutil.which(tool) is None:
        pytest.skip(f"there is no {tool} here")
    model = CATALOGUE["frequency tcn"].model()
    formats.save(model, tmp_path / "net.h")
    (tmp_path / "main.c").write_text(
        '#include "net.h"\nstatic net_state s;\nfloat in[NET_IN_CHANNELS], out[NET_OUT_CHANNELS];\n'
        "void start(void) { net_init(&s); }\nint step(void) { return net_process(&s, in, out); }\n"
    )
    machine = ["-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16", "-std=c99", "-Wall", "-Wextra", "-Werror"]
    command = [tool, *machine, "-Wdouble-promotion", "-O2", "-c", "main.c", "-o", "main.o"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    sizes = subprocess.run(["arm-none-eabi-size", "main.o"], cwd=tmp_path, capture_output=True, text=True, check=True)
    text, data, bss = map(int, sizes.stdout.splitlines()[1].split()[:3])
    head = (tmp_path / "net.h").read_text()
    weights = int(re.search(r"Constants take ([\d,]+) bytes", head)[1].replace(",", ""))
    state = int(re.search(r"; ([\d,]+) bytes each", head)[1].replace(",", ""))
    assert data == 0 and text >= weights and bss >= state
    listed = subprocess.run(["arm-none-eabi-objdump", "-d", "main.o"], cwd=tmp_path, capture_output=True, text=True,
                            check=True)  # fmt: skip
    assert "vfma.f32" in listed.stdout


def header(model, path, **options):
    formats.save(model, path, **options)
    return path.read_text(encoding="utf-8")


def test_numbers_of_a_network_are_macros(tmp_path):
    model = CATALOGUE["strides"].model()
    text = header(model, tmp_path / "down.h")
    assert f"#define DOWN_IN_CHANNELS {model.in_channels}\n" in text
    assert f"#define DOWN_RECEPTIVE_FIELD {model.receptive_field} " in text
    assert re.search(r"#define DOWN_LATENCY 0 ", text)
    endless = header(wl.nn.GRU(3, 4), tmp_path / "endless.h")
    assert "#define ENDLESS_RECEPTIVE_FIELD 0 " in endless
    up = header(CATALOGUE["up up"].model(), tmp_path / "up.h")
    assert "#define UP_OUT_FRAMES 6 " in up
    same = CATALOGUE["same same"].model()
    assert f"#define SAME_LATENCY {same.latency} " in header(same, tmp_path / "same.h")


@pytest.mark.parametrize(
    ("file", "name"),
    [("amp", "amp"), ("speech-commands 12", "speech_commands_12"), ("12", "net_12"), ("_x", "net_x"), ("für", "f_r")],
)
def test_names_in_c_are_that_of_the_file(file, name, tmp_path):
    text = header(wl.nn.Linear(2, 3), tmp_path / f"{file}.h")
    assert f"static inline int {name}_process({name}_state *s, " in text
    assert f"#define {name.upper()}_IN_CHANNELS 2\n" in text
    assert header(wl.nn.Linear(2, 3), tmp_path / "other.h", name=file).count(f"{name}_process") == text.count(
        f"{name}_process"
    )


def test_the_same_network_gives_the_same_file(tmp_path):
    model = CATALOGUE["freq stack"].model()
    assert header(model, tmp_path / "a.h", name="n") == header(model, tmp_path / "b.h", name="n")


def test_a_classifier_gives_its_network_and_says_what_it_is(tmp_path):
    classifier = wl.load("spoken-digits")
    text = header(classifier, tmp_path / "digits.h")
    assert text.split("#ifndef")[1].count("digits_w0") == header(classifier.model, tmp_path / "digits.h").split(
        "#ifndef"
    )[1].count("digits_w0")
    head = " ".join(text.split("*/")[0].replace("\n *", " ").split())
    assert ", ".join(classifier.labels) in head
    assert classifier.info["licence"] in head and classifier.info["attribution"] in head


def test_what_a_file_says_cannot_end_the_comment(tmp_path):
    classifier = wl.load("spoken-digits")
    labels = ["*/ int x; /*", "a\nb", "**//**/", "??/", *classifier.labels[4:]]
    odd = wl.AudioClassifier(features=classifier.features, model=classifier.model, labels=labels)
    text = header(odd, tmp_path / "odd.h")
    head, rest = text.split("*/", 1)
    assert rest.startswith("\n#ifndef ODD_H\n") and "/*" not in head[2:] and "??" not in head


@needs_gcc
def test_it_refuses_options_that_change_the_arithmetic(tmp_path):
    formats.save(wl.nn.Linear(2, 3), tmp_path / "net.h")
    (tmp_path / "main.c").write_text('#include "net.h"\n')
    command = ["gcc", "-std=c99", "-ffast-math", "-fsyntax-only", "main.c"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "compile without -ffast-math" in done.stderr


def test_every_activation_is_known_in_c():
    assert set(ACTIVATIONS_IN_C) == set(ACTIVATIONS) - {"identity"}


class Strange(nodes.Sum):
    """An operation without a line of C."""

    c = wl.graph.Node.c


class StrangeLayer(wl.nn.Linear, abstract=True):
    def build(self, x, c):
        y = super().build(x, c)
        return Strange((Edge(y),), y.channels, y.clock)


def test_what_cannot_be_written_is_refused_and_writes_nothing(tmp_path):
    with pytest.raises(wl.ParameterError, match="a Activation is no network with a number of channels in"):
        formats.save(wl.nn.Activation("relu"), tmp_path / "net.h")
    model = wl.Sequential([wl.nn.Linear(2, 3), wl.nn.Residual([StrangeLayer(3, 3)])])
    with pytest.raises(wl.ParameterError, match=r"^layer 1\.0: Strange cannot be exported to C$"):
        formats.save(model, tmp_path / "net.h")
    with pytest.raises(wl.ParameterError, match="must have a letter or a digit"):
        formats.save(wl.nn.Linear(2, 3), tmp_path / "é.h")
    with pytest.raises(wl.ArrayTypeError, match="name is a int; it must be a string"):
        formats.save(wl.nn.Linear(2, 3), tmp_path / "net.h", name=3)
    with pytest.raises(wl.ParameterError, match="is no option of the format c"):
        formats.save(wl.nn.Linear(2, 3), tmp_path / "net.h", names="x")
    assert not list(tmp_path.iterdir())


def test_it_is_not_read_back(tmp_path):
    formats.save(wl.nn.Linear(2, 2), tmp_path / "net.h")
    with pytest.raises(wl.ModelFileError, match="not a model file of any known format"):
        wl.load(tmp_path / "net.h")
    with pytest.raises(wl.ModelFileError, match="can be written, but not read"):
        wl.load(tmp_path / "net.h", format="c")


def test_weights_keep_their_bits(tmp_path):
    model = wl.nn.Linear(4, 1, bias=False)
    values = np.array([[np.float32(1) / 3, -1.17549435e-38, 3.4028235e38, 1e-40]], np.float32)
    model.load_state_dict({"weight": values})
    text = header(model, tmp_path / "net.h")
    given = re.search(r"net_w\d+\[4\] = \{([^}]*)\}", text)[1].replace("f", "").split(",")
    found = np.array([float(value) for value in given if value.strip()], np.float32)
    assert same_bits(found, np.array([values[0, 0], values[0, 1], values[0, 2], 0.0], np.float32))


SAMPLES = """\
#include <stdio.h>
#include "clf.h"

/* Samples in, of -1 to 1 as floats; probabilities out. */
int main(void)
{
    static clf_state state;
    static float in[CLF_SAMPLES], out[CLF_OUT_FRAMES * CLF_LABELS];
    int n, i;
    for (i = 0; i < CLF_LABELS; i++) fprintf(stderr, "%s\\n", clf_label(i));
    clf_init(&state);
    while (fread(in, 4, CLF_SAMPLES, stdin) == CLF_SAMPLES) {
        n = clf_process(&state, in, out);
        fwrite(out, 4, (size_t)n * CLF_LABELS, stdout);
    }
    while ((n = clf_flush(&state, out)) > 0) fwrite(out, 4, (size_t)n * CLF_LABELS, stdout);
    return 0;
}
"""


def sound(clf, seconds):
    """Noise and tones that come and go, a multiple of the hop long."""
    rng, count = np.random.default_rng(0), int(seconds * clf.sr) // clf.features.hop_length * clf.features.hop_length
    t = np.arange(count) / clf.sr
    tones = 0.4 * np.sin(2 * np.pi * 440 * t) * (t % 0.9 < 0.3) + 0.2 * rng.standard_normal(count) * np.exp(
        -6 * (t % 0.7)
    )
    return np.concatenate([tones, 1e-3 * tones, np.zeros(count)]).astype(np.float32)


def heard_in_c(clf, y, folder, *defines):
    """Probabilities and labels, from the samples on."""
    formats.save(clf, folder / "clf.h", features=True)
    (folder / "main.c").write_text(SAMPLES)
    command = ["gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-O2", *defines, "main.c", "-o", "main", "-lm"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ran = subprocess.run([str(folder / "main")], input=y.tobytes(), capture_output=True, check=True)
    return np.frombuffer(ran.stdout, np.float32).reshape(-1, len(clf.output_labels)), ran.stderr.decode().splitlines()


def probabilities(clf, y):
    return wl.nn.Activation("softmax")(clf.model(clf.features(y)))


@needs_gcc
@pytest.mark.slow
@pytest.mark.parametrize("spectrum", ["", "-DCLF_FLOAT_SPECTRUM"], ids=["double", "float"])
@pytest.mark.parametrize("name", bundled_classifiers())
def test_a_classifier_with_its_features(name, spectrum, tmp_path):
    clf = wl.load(name)
    y = sound(clf, 1.0)
    heard, labels = heard_in_c(clf, y, tmp_path, *filter(None, [spectrum, *(["-DCLF_NO_FMA"] if NO_FMA else [])]))
    expected = probabilities(clf, y)
    assert heard.shape == expected.shape and labels == clf.labels
    assert np.abs(heard - expected).max() <= 1e-5


@needs_gcc
@pytest.mark.slow
@pytest.mark.parametrize(
    "spec",
    [
        wl.Spectrogram(sr=8000, n_fft=64, hop_length=100, power=1.0),
        wl.features.MelSpectrogram(sr=8000, n_fft=128, hop_length=32, win_length=100, n_mels=9, norm=None, power=1.0),
        wl.LogMel(sr=8000, n_fft=256, hop_length=80, n_mels=11, window="hamming", htk=True, ref=0.1, amin=1e-20),
        wl.MFCC(sr=8000, n_fft=256, hop_length=80, n_mels=20, n_mfcc=12, lifter=22.0),
        wl.PCEN(sr=8000, n_fft=256, hop_length=80, n_mels=20),
        wl.PCEN(sr=8000, n_fft=256, hop_length=80, n_mels=9, gain=0.5, bias=0.0, compression=0.3, b=0.2, power=2.0),
        wl.PCEN(sr=8000, n_fft=128, hop_length=64, n_mels=9, scale=100.0, compression=0.0),
        wl.LogMel(sr=8000, n_fft=256, hop_length=80, n_mels=11).then(
            wl.features.Deltas(width=5, order=2, lookahead_frames=0)
        ),
    ],
    ids=["spectrogram of gaps", "mel", "log mel", "mfcc", "pcen", "pcen without bias", "pcen of power 0", "deltas"],
)
def test_kinds_of_features(spec, tmp_path):
    """The network hands on a few bands; frames are as many as ours, and come with their last hop."""
    network = wl.Sequential([wl.nn.Conv1d(spec.out_channels, 3, 3, padding="same")])
    clf = wl.AudioClassifier(spec, network, ['say "so"\\', "größer??/", "z"])
    y = sound(clf, 0.3)
    heard, labels = heard_in_c(clf, y, tmp_path)
    expected = probabilities(clf, y)
    assert labels == clf.labels
    assert heard.shape == expected.shape
    assert np.abs(heard - expected).max() <= 1e-5


@needs_gcc
@pytest.mark.slow
def test_a_wake_word_from_samples_to_its_probability(tmp_path):
    """Of a network that gives probabilities: no softmax, and no label for the rest."""
    clf = wl.load(micro_word(tmp_path))
    y = sound(clf, 1.0)
    heard, labels = heard_in_c(clf, y, tmp_path)
    assert labels == ["Hello there"] and np.ptp(heard) > 0.1
    assert same_bits(heard, clf.model(clf.features(y)))


MICRO = [
    {}, {"pcan": False}, {"log": False}, {"win_length": 1000, "hop_length": 320, "n_mels": 20},
    {"win_length": 200, "hop_length": 80, "n_mels": 13, "sr": 8000, "fmax": 3500.0},
    {"win_length": 40, "hop_length": 40, "n_mels": 5, "pcan": False},
]  # fmt: skip


@needs_gcc
@pytest.mark.slow
@pytest.mark.skipif(bool(NO_FMA), reason="the network's bits under SSE2 are those of another arithmetic")
@pytest.mark.parametrize("options", MICRO, ids=str)
def test_the_micro_front_end_has_our_bits(options, tmp_path):
    spec = wl.MicroFrontend(**options)
    clf = wl.AudioClassifier(spec, wl.nn.Conv1d(spec.out_channels, 5, 2), list("abcde"))
    y = sound(clf, 0.6)
    loud = np.where(np.arange(len(y)) % 7 < 3, -1, 1).astype(np.float32)
    every = np.concatenate([y, 3 * y, loud, 3e-4 * y, np.sign(y) * np.float32(0.99999)])
    heard, _ = heard_in_c(clf, every, tmp_path)
    assert same_bits(heard, probabilities(clf, every))


def refused(spec):
    return wl.AudioClassifier(spec, wl.TCN(spec.out_channels, 2, channels=4, dilations=[1]), ["a", "b"])


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (wl.LogMel(n_fft=400), "n_fft=400 of LogMel must be a power of two to be exported to C"),
        (wl.LogMel(center=True), "center=True of LogMel must be False to be exported to C"),
        (wl.LogMel(power=1.5), "power=1.5 of LogMel must be 1 or 2 to be exported to C"),
        (wl.LogMel(amin=1e-100), "amin=1e-100 of LogMel must be at least 1e-37 to be exported to C"),
        (wl.MuLaw(), "features of type MuLaw cannot be exported to C: leave out features=True"),
        (wl.LogMel().then(wl.features.RunningCMVN()), "RunningCMVN cannot be exported to C: leave out features=True"),
        (wl.LogMel().then(wl.features.Deltas()), "lookahead_frames=None of Deltas must be 0 to be exported to C"),
        (wl.LogMel().then(wl.features.Deltas(lookahead_frames=2)), "lookahead_frames=2 of Deltas must be 0"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_features_that_c_does_not_have_are_refused(spec, reason, tmp_path):
    with pytest.raises(wl.ParameterError, match=reason):
        formats.save(refused(spec), tmp_path / "clf.h", features=True)
    assert not list(tmp_path.iterdir())
    formats.save(refused(spec), tmp_path / "network.h")


def test_a_network_alone_has_no_features(tmp_path):
    with pytest.raises(wl.ParameterError, match="features=True needs a classifier; a Linear has no features"):
        formats.save(wl.nn.Linear(2, 3), tmp_path / "net.h", features=True)
    with pytest.raises(wl.ArrayTypeError, match="features"):
        formats.save(wl.nn.Linear(2, 3), tmp_path / "net.h", features="yes")
    assert not list(tmp_path.iterdir())
