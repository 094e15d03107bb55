"""The report of a wake word: one page of HTML that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from wavenetlite.evaluation.tails import log_odds
from wavenetlite.figures.report_style import STYLE
from wavenetlite.figures.svg import Axis, Chart
from wavenetlite.recipes.wake.advice import advice
from wavenetlite.recipes.wake.measuring import Findings

LEAST_ALARMS, MOST_ALARMS, LEAST_MISSED = 0.1, 100.0, 0.5
ODDS = (-10.0, 8.0)
SHARES = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)


def page(phrases: Sequence[str], names: Sequence[str], notes: dict[str, Any], findings: Findings) -> str:
    """The report."""
    title = " · ".join(phrases)
    parts = [f"<h1>{escape(title)}</h1>", f'<p class="lead">{escape(lead(phrases, notes))}</p>']
    for phrase, name in zip(phrases, names, strict=True):
        about = notes["phrases"][phrase]
        parts += [f"<h2>{escape(phrase)}</h2>"] if len(phrases) > 1 else []
        parts += [f"<p>{escape(doubts)}.</p>"] if (doubts := advice(phrase, about)) else []
        parts += [tiles(about), trade_off(phrase, about, findings), spread(phrase, about, findings),
                  triggers(phrase, about, notes["triggers"])]  # fmt: skip
        parts.append(esphome(name))
    parts += [listening(), made_of(notes)]
    return (f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
            f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>'
            f'<body><main>{"".join(parts)}</main></body></html>\n')  # fmt: skip


def lead(phrases: Sequence[str], notes: dict[str, Any]) -> str:
    found = sum(one["found"] for one in notes["phrases"].values())
    scenes = sum(one["scenes"] for one in notes["phrases"].values())
    what = "This wake word" if len(phrases) == 1 else f"These {len(phrases)} wake words"
    heard = "it hears" if len(phrases) == 1 else "the model hears"
    return (f"{what} never had to be recorded: voices of programs said it. Said {scenes:,} times in rooms and "
            f"noise, by voices that were not trained on, {heard} {found:,} of them.")  # fmt: skip


def tiles(about: dict[str, Any]) -> str:
    hours, alarms = about["background_hours"], about["false_alarms"]
    estimate = about["estimated_false_alarms_per_hour"]
    shown = [
        (f"{100 * about['found'] / max(about['scenes'], 1):.1f} %", "found, said among noise and talk"),
        (f"{alarms}", f"false alarms in {hours:.1f} hours that were kept back"),
        (f"{estimate:.2g}", "false alarms an hour to expect in the folder that brings most"),
        (delay(about["median_delay_s"]), "from the end of the phrase to the event"),
    ]
    body = "".join(f"<div><b>{escape(value)}</b><span>{escape(text)}</span></div>" for value, text in shown)
    return f'<div class="tiles">{body}</div>'


def delay(seconds: float | None) -> str:
    return "-" if seconds is None else f"{1000 * seconds:.0f} ms"


def section(title: str, text: str, body: str) -> str:
    return f"<section><h3>{escape(title)}</h3><p>{escape(text)}</p>{body}</section>"


def trade_off(phrase: str, about: dict[str, Any], findings: Findings) -> str:
    """Missed phrases against false alarms, as the threshold moves."""
    curve, tail = findings.curves[phrase], findings.tails[phrase]
    chart = Chart(
        "phrases missed against false alarms an hour",
        Axis("false alarms an hour", LEAST_ALARMS, MOST_ALARMS, (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100), True),
        Axis("missed, %", LEAST_MISSED, 100, (0.5, 1, 2, 5, 10, 20, 50, 100), True),
    )
    alarms = [tail.rate(threshold) for threshold in curve.thresholds]
    missed = 100 * curve.false_rejects
    chart.line(alarms, missed, "a")
    chart.line(curve.false_alarms_per_hour, missed, "b", steps=False)
    now = 100 * (1 - about["found"] / max(about["scenes"], 1))
    chart.point(about["estimated_false_alarms_per_hour"], now, f"threshold {about['threshold']:.2f}")
    return section(
        "Missed against mistaken", "A higher threshold hears less and mistakes less. The thin line is what was counted "
        "in the background that was kept back; where that was silent for its whole length, the thick one goes on: it "
        "follows from how fast high scores become rare.", chart.svg())  # fmt: skip


def spread(phrase: str, about: dict[str, Any], findings: Findings) -> str:
    """The scores of the phrase, and those of everything else."""
    said, elsewhere = findings.peaks[phrase]
    edges = np.linspace(*ODDS, 55)
    heights = [100 * np.histogram(np.clip(some, *ODDS), edges)[0] / max(len(some), 1) for some in (elsewhere, said)]
    # Most seconds of background have the lowest score of all: their bar would leave no room for the others.
    most = max(2.0, float(heights[1].max(initial=0.0)), float(np.sort(heights[0])[-3]))
    chart = Chart("scores", Axis("score, log-odds", *ODDS, (-10, -8, -6, -4, -2, 0, 2, 4, 6, 8)),
                  Axis("share, %", 0.0, most, tuple(np.round(np.linspace(0, most, 5), 1))))  # fmt: skip
    chart.bars(edges, heights[0], "b")
    chart.bars(edges, heights[1], "a")
    chart.mark_x(float(log_odds(np.array(about["threshold"]))), "threshold")
    legend = '<p class="legend"><span class="a"></span>the phrase <span class="b"></span>a second of background</p>'
    return section("Scores", "Further right is more like the phrase. What lies between the two hills decides.",
                   chart.svg() + legend)  # fmt: skip


def triggers(phrase: str, about: dict[str, Any], found: Sequence[dict[str, Any]]) -> str:
    rows = [one for one in found if one["phrase"] == phrase]
    over = [one for one in rows if one["score"] > about["threshold"]]
    text = f"{len(over)} of these would wake it." if over else "None of these wakes it; they come nearest."
    body = "".join(
        f'<tr class="{"over" if one["score"] > about["threshold"] else "under"}"><td>{escape(one["what"])}</td>'
        f'<td><meter min="0" max="1" value="{one["score"]:.3f}"></meter></td><td>{one["score"]:.2f}</td></tr>'
        for one in rows
    )
    return section("What sounds most like it", text, f"<table>{body}</table>")


def esphome(name: str) -> str:
    code = f"micro_wake_word:\n  models:\n    - model: {name}.json"
    return section("In ESPHome", f"Put {name}.json and {name}.tflite beside the configuration of the device:",
                   f"<pre>{escape(code)}</pre>")  # fmt: skip


def listening() -> str:
    code = "wavenetlite listen --model classifier.safetensors"
    return section("On this computer", "With a microphone:", f"<pre>{escape(code)}</pre>")


def made_of(notes: dict[str, Any]) -> str:
    rows = [*notes["made_of"].items(), *notes["options"].items(), ("wavenetlite", notes["wavenetlite"])]
    body = "".join(f"<tr><td>{escape(str(name))}</td><td>{escape(plain(value))}</td></tr>" for name, value in rows)
    return section("What it was made of", f"{networks(notes['options']['networks'])} The same command with the same "
                   "seed gives the same files.", f"<table>{body}</table>")  # fmt: skip


def networks(count: int) -> str:
    """What decides."""
    if count == 1:
        return "One network decides."
    return (f"The mean of {count} networks decides: trained apart, they hear different voices, and mistake different "
            "things.")  # fmt: skip


def plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
