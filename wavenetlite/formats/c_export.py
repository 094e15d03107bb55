"""A network as one C99 header without dependencies: for microcontrollers, plug-ins, and everything that compiles C."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from wavenetlite.classifier.classifier import AudioClassifier
from wavenetlite.engine.fusion import Step
from wavenetlite.engine.lower import lower
from wavenetlite.engine.plan import Plan
from wavenetlite.formats.c_features import Front, classifier_of
from wavenetlite.formats.c_parts import SIZES, Parts, function, place
from wavenetlite.formats.c_sequences import Ring, rings_of
from wavenetlite.formats.c_step import StepWriter, times
from wavenetlite.formats.format import Format, Model, network_of
from wavenetlite.graph import Node, topological_order
from wavenetlite.nn.module import Module, recorded
from wavenetlite.support.checks import flag
from wavenetlite.support.errors import ArrayTypeError, ParameterError
from wavenetlite.support.version import __version__

ABOUT = """\
/* {title}
 *
 * Written by wavenetlite {version}. Include it in one C or C++ file; nothing else is needed but the C library:
 *
 *     #include "{file}"
 *
 *     {name}_state state;                 (as many as there are signals; {state_bytes:,} bytes each)
 *     {name}_init(&state);
 *     n = {name}_process(&state, in{condition_argument}, out);
 *     while ((n = {name}_flush(&state, out)) > 0) ...;         (at the end of a signal)
 *
 * {usage}
 *
 * Constants take {weights:,} bytes, in read-only memory. Nothing is allocated, nothing is kept outside of the state.
 * Values must be finite: they are not checked.
 *
 * {bits}
{rights} */
"""
USAGE = """
`in` is one frame of {channels} floats, `out` has room for {out_frames} of {out_channels}. process() and flush() return
the number of frames written{latency}. After a flush, and for a new signal, call init() again.{condition}"""
CONDITION = " `c` is the conditioning, {channels} floats{period}."
BITS = """
The outputs have the bits of wavenetlite under AVX2, AVX-512 and NEON, on every machine whose float and double are
IEEE 754: every sum has one order, and fused multiply-adds are written as fmaf(). Compile with -O3, and where the CPU
has such an instruction tell the compiler (-mcpu=cortex-m4 -mfpu=fpv4-sp-d16 -mfloat-abi=hard, -march=native): without
it fmaf() is a slow function of the C library (-lm). Where {upper}_NO_FMA is defined, products and sums are rounded
one by one instead, as by wavenetlite under SSE2. Contraction by the compiler is switched off below for GCC and Clang;
others need their option for it (-ffp-contract=off), and none may have -ffast-math. Numbers below 1.2e-38 are zeros to
wavenetlite, but to C only where the CPU is told so. {upper}_PANEL may be defined as the number of sums that stay in
registers: 8 for a Cortex-M, 32 for AVX2."""

FRAME = """\
#ifndef {upper}_H
#define {upper}_H

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__FAST_MATH__)
#error "{name}: compile without -ffast-math, which changes the results"
#endif
#if INT_MAX < 2147483647
#error "{name}: int must have 32 bits"
#endif
#if FLT_EVAL_METHOD == 1 || FLT_EVAL_METHOD == 2
#error "{name}: floats must be computed as floats (on x86: -msse2 -mfpmath=sse)"
#endif

#define {upper}_IN_CHANNELS {channels}
#define {upper}_OUT_CHANNELS {out_channels}
#define {upper}_CONDITION_CHANNELS {condition_channels}
#define {upper}_CONDITION_PERIOD {condition_period} /* frames of the input for each of the conditioning */
#define {upper}_OUT_FRAMES {out_frames} /* most frames that one call writes */
#define {upper}_RECEPTIVE_FIELD {receptive_field} /* frames of the input that an output depends on; 0: all before it */
#define {upper}_LATENCY {latency} /* frames of the input after its own for which an output waits */
{more}
#ifndef {upper}_PANEL
#if defined(__AVX__)
#define {upper}_PANEL 32
#else
#define {upper}_PANEL 8
#endif
#endif

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off")
#endif

"""
FMA = """\
static inline float $fma(float a, float b, float c)
{
#ifdef $NO_FMA
    return a * b + c;
#else
    return fmaf(a, b, c);
#endif
}

/* The place of a frame in a ring of `length`, `back` frames before the place `at` of the next one. */
static inline int $slot(int at, int back, int length) { return at >= back ? at - back : at - back + length; }

static inline int $next(int at, int frames, int length)
{
    return at + frames < length ? at + frames : at + frames - length;
}

/* The frames that the taps of a convolution read: in a ring, from place `at` on, `spacing` frames apart. */
static inline void $frames(
    const float **rows, int taps, const float *ring, int channels, int at, int spacing, int length)
{
    for (; taps > 0; taps--, rows++, at = $next(at, spacing, length)) *rows = ring + channels * at;
}

"""
COUNTING = """\
/* Set those of some frames, from frame n on, to zero that lie at or beyond the end; frames of `bytes` bytes. */
static inline void $clear(void *y, int64_t n, int64_t end, int frames, int bytes, int zero)
{
    int i;
    for (i = 0; i < frames; i++) {
        if (n + i >= end) memset((char *)y + i * bytes, zero, (size_t)bytes);
    }
}

/* Frames of an operation, from those of what it reads. */
static inline int64_t $count(int64_t frames, int64_t reach, int64_t stride)
{
    return frames > reach ? (frames - reach + stride - 1) / stride : 0;
}

"""
END = """\
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif

#endif
"""


def save(model: Model, file: BinaryIO, *, name: str = "network", features: bool = False) -> None:
    """Write a network, or that of a classifier, as a C header.

    Parameters
    ----------
    model
        A module with a number of channels, or a classifier.
    name
        What the names in it begin with; by default, that of the file. What C does not allow becomes ``_``.
    features
        Whether samples go in and probabilities come out: of a classifier, its features and the softmax are included.

    Raises
    ------
    ParameterError
        It is no network with a number of channels, or it has an operation that C has no function for; or features are
        asked for, and it has none or they cannot be exported.
    """
    network = network_of(model)
    if network.in_width is None:
        raise ParameterError(f"a {type(network).__name__} is no network with a number of channels in")
    front = classifier_of(model) if flag("features", features) else None
    file.write(Header(model, network, identifier(name), f"{name}.h", front).text().encode())


def identifier(name: str) -> str:
    """A name for C."""
    if not isinstance(name, str):
        raise ArrayTypeError(f"name is a {type(name).__name__}; it must be a string")
    plain = re.sub(r"\W", "_", name, flags=re.ASCII)
    if not plain.strip("_"):
        raise ParameterError(f"name={name!r} must have a letter or a digit of ASCII, for the names in C")
    return plain if re.match("[A-Za-z]", plain) else f"net_{plain.lstrip('_')}"


class Header:
    """The text of one network."""

    def __init__(self, model: Model, network: Module, name: str, file: str, classifier: AudioClassifier | None) -> None:
        self.model, self.network, self.name, self.file = model, network, name, file
        output, self.trace = recorded(network, network.in_width or 1)
        self.plan = Plan(lower(output, prewarmed=network.prewarmed, fuse_all=False))
        self.program = self.plan.program
        self.regular = self.plan.regular
        self.rings, self.work = rings_of(self.program)
        self.parts = Parts()
        self.steps = [self.step(step) for step in self.program.steps]
        self.fills = list(self.first_frames())
        self.front = None if classifier is None else Front(classifier, self.parts)

    def step(self, step: Step) -> list[str]:
        """The lines of a step; what cannot be written is named with its place."""
        try:
            return StepWriter(
                step, self.program, self.rings, self.parts, work=self.work, regular=self.regular
            ).write()  # fmt: skip
        except ParameterError as error:
            raise ParameterError(f"{self.place_of(step.origin)}: {error}") from error

    def place_of(self, node: Node) -> str:
        """The innermost module that made this node, by its path."""
        paths = {id(module): path.rstrip(".") for path, module in self.network.modules()}
        for module, x, out, _ in self.trace:  # the innermost come first
            if node in between(x, out):
                return f"layer {paths.get(id(module)) or type(module).__name__}"
        return f"layer {type(self.network).__name__}"

    def text(self) -> str:
        """The whole file."""
        made = [
            self.about(), self.frame(), FMA, "" if self.regular else COUNTING, *self.functions(),
            *self.parts.definitions(), self.state(), self.init(), self.tick(), self.process(), self.flush(), END,
        ]  # fmt: skip
        text = "".join(made[1:]).replace("$PANEL", f"{self.upper}_PANEL").replace("$NO_FMA", f"{self.upper}_NO_FMA")
        text = text.replace("$FLOAT_SPECTRUM", f"{self.upper}_FLOAT_SPECTRUM")
        return made[0] + text.replace("$", f"{self.name}_")

    @property
    def upper(self) -> str:
        return self.name.upper()

    @property
    def x(self) -> Ring:
        return self.rings[self.program.inputs["x"]]

    @property
    def c(self) -> Ring | None:
        return self.rings[self.program.inputs["c"]] if "c" in self.program.inputs else None

    @property
    def out(self) -> Ring:
        return self.rings[self.program.output]

    # The head

    def about(self) -> str:
        rights = "".join(f" *\n * {comment(line)}\n" for line in self.rights())
        return ABOUT.format(
            title=self.title(), version=__version__, name=self.name, file=self.file, state_bytes=self.state_bytes,
            condition_argument=", c" if self.c else "", weights=self.parts.constant_bytes,
            usage=comment(self.usage().strip()), bits=comment(BITS.format(upper=self.upper).strip()), rights=rights,
        )  # fmt: skip

    def title(self) -> str:
        channels = f"{self.x.channels} -> {self.out.channels} channels"
        labels = getattr(self.model, "output_labels", None)
        of = "" if labels is None else f", of a classifier of {len(labels)} labels"
        return f"{type(self.network).__name__}{of}: {channels}"

    def usage(self) -> str:
        latency = f": outputs come up to {self.program.clock.latency} frames late" if self.program.clock.latency else ""
        if self.front is not None:
            return self.front.usage(self.upper, self.name, self.out.fresh, latency)
        return USAGE.format(
            channels=self.x.channels, out_frames=self.out.fresh, out_channels=self.out.channels, latency=latency,
            condition=self.about_condition(),
        )  # fmt: skip

    def about_condition(self) -> str:
        if self.c is None:
            return ""
        period = self.plan.condition_period
        often = f", read with the first of every {period} frames" if period > 1 else ""
        return CONDITION.format(channels=self.c.channels, period=often)

    def rights(self) -> Iterator[str]:
        """What a classifier's file says about the origin of its weights, and its labels."""
        labels, info = getattr(self.model, "output_labels", None), getattr(self.model, "info", None) or {}
        if labels is not None:
            scores = self.front is None and self.model.outputs == "logits"
            kind = "scores before softmax" if scores else "probabilities"
            yield f"The outputs are {kind}, of: {', '.join(labels)}. The features: {self.model.features!r}"
        for key in ("licence", "attribution"):
            if info.get(key):
                yield f"{key.capitalize()} of the weights: {info[key]}"

    @property
    def state_bytes(self) -> int:
        """Size of the state, as compilers lay it out that align doubles and 64-bit integers to 8 bytes."""
        kept = sum(SIZES[kind] * length for kind, _, length in self.parts.kept)
        rings = sum(ring.length * ring.bytes_of_frame for ring in self.rings if ring.kept)
        places = 2 * self.parts.wide + 4 * sum(ring.length > 1 for ring in self.rings)
        counts = 0 if self.regular else 16 * len(self.rings) + 4
        together = kept + rings + places + counts + 4 * (self.work + self.parts.scratch)
        wide = not self.regular or any(SIZES[kind] == 8 for kind, _, _ in self.parts.kept)
        grain = 8 if wide else 4
        return max(-(-together // grain) * grain, 1)

    def frame(self) -> str:
        field = self.program.clock.receptive_field
        return FRAME.format(
            name=self.name, upper=self.upper, channels=self.x.channels, out_channels=self.out.channels,
            condition_channels=self.c.channels if self.c else 0, condition_period=self.plan.condition_period,
            out_frames=self.out.fresh, receptive_field=0 if np.isinf(field) else int(field),
            latency=self.program.clock.latency, more=self.front.macros(self.upper) if self.front else "",
        )  # fmt: skip

    # Parts

    def functions(self) -> Iterator[str]:
        for text in self.parts.functions.values():
            yield f"{text}\n"

    def state(self) -> str:
        lines = list(self.kept(8))
        if not self.regular:
            lines.append(f"int64_t made[{len(self.rings)}], end[{len(self.rings)}]; /* frames of every sequence */")
        lines += self.kept(4)
        lines += self.kept_rings("float")
        if self.work + self.parts.scratch:
            lines.append(f"float work[{self.work + self.parts.scratch}];")
        if places := sum(ring.length > 1 for ring in self.rings):
            lines.append(f"int at[{places}]; /* where the next frame of a ring goes */")
        if not self.regular:
            lines.append("int ended;")
        lines += self.kept(2)
        lines += [f"int16_t wide[{self.parts.wide}];"] * bool(self.parts.wide)
        lines += self.kept_rings("int8_t")
        lines = lines or ["char nothing;"]
        return "typedef struct {\n" + "".join(f"    {line}\n" for line in lines) + "} $state;\n\n"

    def kept_rings(self, kind: str) -> Iterator[str]:
        for ring in self.rings:
            if ring.kept and ring.kind == kind:
                size, about = ring.length * ring.channels, f"{ring.length} frames of {ring.channels}"
                yield f"{kind} {ring.name}[{size}]; /* {about} */"

    def kept(self, size: int) -> Iterator[str]:
        """Members of the state, of types of so many bytes."""
        for kind, name, length in self.parts.kept:
            if SIZES[kind] == size:
                yield f"{kind} {name.removeprefix('s->')}[{length}];"

    def first_frames(self) -> Iterator[str]:
        """Lines that fill the rings whose frames before the first are not zeros."""
        for ring in self.rings:
            before = self.plan.frame_before(ring.number) if ring.kept else None
            if before is None:
                continue
            frame = before if ring.zero is None else before.view(np.int8)[: ring.channels]
            if ring.zero is not None and (frame == ring.zero).all():
                yield f"memset(s->{ring.name}, {ring.zero}, {ring.length * ring.channels});"
            else:
                to = f"s->{ring.name} + {ring.channels} * i"
                copy = f"memcpy({to}, {self.parts.array(frame)}, {ring.bytes_of_frame});"
                yield f"for (i = 0; i < {ring.length}; i++) {copy}"

    def init(self) -> str:
        lines = ["int i;"] * any("(i = 0" in line for line in self.fills) + ["memset(s, 0, sizeof *s);", *self.fills]
        lines += [f"memcpy({name}, {first}, {size});" for name, first, size in self.parts.first]
        lines += [self.front.start()] if self.front else []
        return function("static inline void $init($state *s)", lines)

    # Running

    def tick(self) -> str:
        body = [line for step in self.steps for line in step]
        body = [*self.feed(), *body, *self.collect()]
        text = "\n".join(body)
        lines = [
            f"{ring.kind} *const {ring.name} = {self.place(ring)};" for ring in self.rings if uses(text, ring.name)
        ]
        lines += [f"const float *rows[{self.parts.rows}];"] * uses(text, "rows")
        lines += [f"const int8_t *bytes[{self.parts.rows}];"] * uses(text, "bytes")
        lines += ["int64_t n;"] * uses(text, "n") * (not self.regular)
        lines += ["int i;"] * ("(i = 0" in text)
        if not self.regular:
            lines.append(f"int64_t n_out = s->made[{self.out.number}];")
        given = ", const float *c_in" if self.c else ""
        return function(f"static inline int $tick($state *s, const float *x_in{given}, float *out)", [*lines, *body])

    def place(self, ring: Ring) -> str:
        if ring.kept:
            return f"s->{ring.name}"
        shared = place("s->work", ring.offset)
        return shared if ring.zero is None else f"(int8_t *)({shared})"

    def feed(self) -> Iterator[str]:
        """Take the inputs; none are zeros, after the end of a signal."""
        for ring in [self.x] + ([self.c] if self.c else []):
            lines, size = [], f"{ring.channels} * sizeof(float)"
            copy = f"memcpy({ring.next_frame}, {ring.name}_in, {size});"
            if self.regular:
                lines.append(copy)
            else:
                lines.append(f"if ({ring.name}_in) {copy}")
                lines.append(f"else memset({ring.next_frame}, 0, {size});")
                lines.append(f"s->made[{ring.number}]++;")
            if ring.length > 1:
                lines.append(f"s->at[{ring.at}] = $next(s->at[{ring.at}], 1, {ring.length});")
            if ring is self.c and self.plan.condition_period > 1:
                lines = [f"if ((s->made[{self.x.number}] - 1) % {self.plan.condition_period} == 0) {{", *lines, "}"]
            yield from lines

    def collect(self) -> Iterator[str]:
        """Hand out the new frames."""
        size = f"{self.out.channels} * sizeof(float)"
        if self.regular:
            yield f"memcpy(out, {self.out.frame('1')}, {size});"
            yield "return 1;"
            return
        made = f"s->made[{self.out.number}]"
        new = f"n < {made} && !(s->ended && n >= s->end[{self.out.number}])"
        copy = f"memcpy(out, {self.out.frame(f'(int)({made} - n)')}, {size});"
        if self.out.fresh == 1:  # no loop, of which a compiler could fear that it runs twice
            yield from ("n = n_out;", f"if ({new}) {{", f"    {copy}", "    n++;", "}")
        else:
            yield from (f"for (n = n_out; {new}; n++) {{", f"    {copy}", f"    out += {self.out.channels};", "}")
        yield "return (int)(n - n_out);"

    def process(self) -> str:
        if self.front is not None:
            return "".join(self.front.functions(self.out.channels))
        given, passed = (", const float *c", ", c") if self.c else ("", "")
        return (
            "/* Feed one frame; returns the number of frames written to `out`. */\n"
            + function(
                f"static inline int $process($state *s, const float *in{given}, float *out)",
                [f"return $tick(s, in{passed}, out);"],
            )
        )  # fmt: skip

    def flush(self) -> str:
        """The end of a signal: zeros are fed until the frames of the latency are out."""
        about = "/* After the last frame: call it until it returns 0. */\n"
        head = "static inline int $flush($state *s, float *out)"
        if self.regular:
            return about + function(head, ["(void)s;", "(void)out;", "return 0;"])
        out, none = self.out.number, ", NULL" if self.c else ""
        lines = [f"int {self.front.counters} = 0;"] if self.front else ["int written;"]
        lines += ["if (!s->ended) {", "    s->ended = 1;", *(f"    {line}" for line in self.ends()), "}"]
        lines += [f"while (s->made[{out}] < s->end[{out}]) {{", f"    written = $tick(s, NULL{none}, out);"]
        lines += ["    if (written) break;" if self.front else "    if (written) return written;", "}"]
        lines += self.front.after(self.out.channels) if self.front else ["return 0;"]
        return about + function(head, lines)

    def ends(self) -> Iterator[str]:
        """The lengths of all sequences, once the input has ended."""
        yield from (f"s->end[{number}] = s->made[{number}];" for number in self.program.inputs.values())
        for step in self.program.steps:
            end = f"s->end[{step.out}]"
            counts = list(dict.fromkeys(
                f"{times(step.call.phases)}$count(s->end[{self.program.buffer_of[edge.node]}], {edge.end_reach}, "
                f"{edge.stride})"
                for edge in step.all_edges
            ))  # fmt: skip
            yield f"{end} = {counts[0]};"
            yield from (f"if ({frames} < {end}) {end} = {frames};" for frames in counts[1:])


def between(x: Node, out: Node) -> list[Node]:
    """The nodes on which `out` depends and `x` does not."""
    before = set(topological_order(x))
    return [node for node in topological_order(out) if node not in before]


def uses(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w>$]){name}\b", text) is not None


def comment(text: str) -> str:
    """Wrapped into lines of a comment, which it cannot end: no slash beside a star, and no trigraphs."""
    safe = re.sub(r"(?<=[*/])(?=[*/])|(?<=\?)(?=\?)", " ", text)
    return "\n * ".join(textwrap.wrap(safe, 112, break_long_words=False, break_on_hyphens=False))


def sniff(ends: bytes) -> bool:
    """A header is never read: no code comes from a file."""
    return False


FORMAT = Format("c", "a C99 header of the network, for microcontrollers", (".h",), sniff, None, save, named=True)
