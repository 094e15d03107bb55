"""The front end of a classifier in C: samples go in, and probabilities come out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wavenetlite.classifier.classifier import AudioClassifier
from wavenetlite.features.spec import Features
from wavenetlite.formats.c_parts import BlockWriter, Parts, function, indented
from wavenetlite.formats.format import Model
from wavenetlite.nodes.c_activation import SOFTMAX
from wavenetlite.support.errors import ParameterError

USAGE = """
`in` is {hop} samples at {sr:,} Hz, of -1 to 1, `out` has room for {out_frames} frames of {labels} probabilities, in
the order of {name}_label(). process() and flush() return the number of frames written{latency}; the first frame needs
{frame_length} samples. After a flush, and for a new signal, call init() again. {features}"""
EXACT = "The features are integers, the same as wavenetlite's."
ROUNDED = """\
The features are computed in double, or in float where {upper}_FLOAT_SPECTRUM is defined (less exact in bands far below
the loudest one, for CPUs without doubles), and so are within rounding of wavenetlite's, not its bits; what the network
makes of them has its bits."""
MACROS = """\
#define {upper}_SR {sr}
#define {upper}_SAMPLES {hop} /* samples for each call */
#define {upper}_LABELS {labels}
"""


@dataclass
class Front:
    """The features of a classifier, with what they add to the `parts` of its file."""

    classifier: AudioClassifier
    parts: Parts

    def __post_init__(self) -> None:
        block = BlockWriter(self.parts, 0)
        if self.classifier.outputs == "logits":
            block.function(SOFTMAX)
        self.spec.c(block)
        channels = self.most_channels = self.spec.front_channels
        for step in self.spec.all_steps:
            step.c(block, channels)
            channels = step.out_channels(channels)
            self.most_channels = max(self.most_channels, channels)
        self.lines = list(indented(block.lines, 0))
        self.samples = block.kept("float", self.hops * self.spec.hop_length)
        self.missing = block.kept("int", 1)

    @property
    def spec(self) -> Features:
        return self.classifier.features

    @property
    def labels(self) -> list[str]:
        return self.classifier.output_labels

    @property
    def counters(self) -> str:
        """Variables of process() and flush()."""
        return "frame, written" if self.classifier.outputs == "logits" else "written"

    @property
    def hops(self) -> int:
        """Blocks of `hop_length` samples that hold a frame."""
        return -(-self.spec.frame_length // self.spec.hop_length)

    def usage(self, upper: str, name: str, out_frames: int, latency: str) -> str:
        spec, labels = self.spec, len(self.labels)
        features = EXACT if spec.exact_in_c else ROUNDED.format(upper=upper)
        return USAGE.format(upper=upper, name=name, out_frames=out_frames, latency=latency, hop=spec.hop_length,
                            sr=spec.sr, labels=labels, frame_length=spec.frame_length, features=features)  # fmt: skip

    def macros(self, upper: str) -> str:
        return MACROS.format(
            upper=upper, sr=self.spec.sr, hop=self.spec.hop_length, labels=len(self.labels)
        )  # fmt: skip

    def start(self) -> str:
        """A line of init()."""
        return f"*{self.missing} = {self.hops};"

    def functions(self, out_channels: int) -> Iterator[str]:
        """The features, the labels, and process() on samples."""
        head = "static inline void $features($state *s, const float *samples, float *y)"
        yield function(head, ["(void)s;", *self.lines])
        names = ", ".join(map(quoted, self.labels))
        lines = [f"static const char *const label[{len(self.labels)}] = {{{names}}};", "return label[i];"]
        yield function("static inline const char *$label(int i)", lines)
        yield from self.running(out_channels)

    def running(self, n: int) -> Iterator[str]:
        hop, kept = self.spec.hop_length, (self.hops - 1) * self.spec.hop_length
        lines = [f"int {self.counters};", f"float y[{self.most_channels}];"]
        if kept:
            lines.append(f"memmove({self.samples}, {self.samples} + {hop}, {kept} * sizeof(float));")
        lines += [f"memcpy({self.samples} + {kept}, in, {hop} * sizeof(float));"]
        lines += [f"if (*{self.missing} > 1) {{", f"    --*{self.missing};", "    return 0;", "}"]
        lines += [f"$features(s, {self.samples}, y);", "written = $tick(s, y, out);"]
        yield "/* Feed samples; returns the number of frames of probabilities written to `out`. */\n"
        yield function("static inline int $process($state *s, const float *in, float *out)", [*lines, *self.after(n)])

    def after(self, n: int) -> list[str]:
        """Lines that make probabilities of the frames in `out`."""
        return softmaxes(n) if self.classifier.outputs == "logits" else ["return written;"]


def softmaxes(channels: int) -> list[str]:
    return [
        f"for (frame = 0; frame < written; frame++) $softmax(out + frame * {channels}, {channels});",
        "return written;",
    ]


def quoted(text: str) -> str:
    """A string literal of C, in UTF-8 whatever the compiler takes the file for."""
    return '"' + "".join(map(character, text.encode())) + '"'


def character(byte: int) -> str:
    plain = 32 <= byte < 127 and chr(byte) not in '\\"?'
    return chr(byte) if plain else f"\\{byte:03o}"


def classifier_of(model: Model) -> AudioClassifier:
    if not isinstance(model, AudioClassifier):
        raise ParameterError(f"features=True needs a classifier; a {type(model).__name__} has no features")
    return model
