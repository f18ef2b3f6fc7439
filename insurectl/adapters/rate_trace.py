"""Traces of request rates as people have them: a value a line, or CSV with times."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from insurectl.adapters.located_yaml import read_text, shown
from insurectl.errors import BadFile, BadInput

FEWEST = 10  # values; from fewer nothing can be seen of what an autoscaler does
MOST_SECONDS = 31 * 86_400
MAX_BYTES = 64 * 1024 * 1024
MAX_RPS = 1e9
SPLITS = ",;\t"


@dataclass(frozen=True, kw_only=True)
class RateTrace:
    """Requests a second, one value a second; the file may have had one each ``step_s``."""

    rates: NDArray[np.float64]
    step_s: int


def read(path: Path, *, step_s: int | None = None, scale: float = 1.0) -> RateTrace:
    """``step_s``: how far apart the values of a plain file are (1 s where it is None); CSV, with a
    header ``time,rate`` or without, says it by its own times. Each value holds until the next.

    BadFile, with the line, for what is no number, below 0, NaN, out of step or missing; for a trace
    that is empty, too short or too long, or all zero.
    """
    lines = read_text(path, MAX_BYTES).rstrip().split("\n")
    if lines == [""]:
        raise BadFile(path, "the trace is empty; wanted is one rate a line")
    if not 0 < scale < math.inf:
        raise BadInput(f"the scale is {scale:g}; give more than 0")
    is_csv = any(mark in lines[0] for mark in SPLITS)
    if is_csv and step_s is not None:
        raise BadInput(f"{path} has times of its own; leave --step out")
    step_s, values = _csv(path, lines) if is_csv else (step_s or 1, _plain(path, lines))
    if len(values) < FEWEST:
        raise BadFile(path, f"the trace has {len(values)} values; give {FEWEST} or more")
    if len(values) * step_s > MOST_SECONDS:
        raise BadFile(
            path,
            f"the trace lasts {len(values) * step_s} s; the most is {MOST_SECONDS} s (31 days)",
        )
    rates = np.repeat(np.array(values), step_s) * scale
    if not rates.any():
        raise BadFile(path, "every rate of the trace is 0, so there is nothing to play")
    if rates.max() > MAX_RPS:
        raise BadFile(path, f"the trace's peak is {rates.max():g}/s; the most is {MAX_RPS:g}/s")
    return RateTrace(rates=rates, step_s=step_s)


def _plain(path: Path, lines: list[str]) -> list[float]:
    return [_rate(path, number, line.strip()) for number, line in enumerate(lines, start=1)]


def _csv(path: Path, lines: list[str]) -> tuple[int, list[float]]:
    """The step, and the rates."""
    mark = next(mark for mark in SPLITS if mark in lines[0])
    first = 1 if _number(lines[0].split(mark)[0]) is None else 0
    times, rates = [], []
    for number, line in enumerate(lines[first:], start=first + 1):
        cells = [cell.strip() for cell in line.split(mark)]
        if len(cells) != 2:
            raise BadFile(
                path, f"{shown(line)} has {len(cells)} columns; wanted are time and rate",
                line=number,
            )  # fmt: skip
        at_s = _number(cells[0])
        if at_s is None or not math.isfinite(at_s):
            raise BadFile(path, f"{shown(cells[0])} is no time in seconds", line=number)
        times.append(at_s)
        rates.append(_rate(path, number, cells[1]))
    if len(times) < FEWEST:
        return 1, rates
    return _step(path, times, first), rates


def _step(path: Path, times: list[float], first: int) -> int:
    step_s = times[1] - times[0]
    if step_s < 1 or step_s != int(step_s):
        raise BadFile(
            path, f"its times are {step_s:g} s apart; wanted are whole seconds, 1 or more",
            line=first + 2,
        )  # fmt: skip
    for number in range(2, len(times)):
        apart_s = times[number] - times[number - 1]
        if apart_s != step_s:
            what = "there is a gap" if apart_s > step_s else "times have to rise evenly"
            raise BadFile(
                path, f"{what}: {apart_s:g} s since the line before, {step_s:g} s are its step",
                line=first + number + 1,
            )  # fmt: skip
    return int(step_s)


def _rate(path: Path, number: int, text: str) -> float:
    if not text:
        raise BadFile(
            path, "there is a gap: the line has no rate; give one, 0 for none", line=number
        )
    rate = _number(text)
    if rate is None:
        raise BadFile(path, f"{shown(text)} is no rate; wanted is a number", line=number)
    if not math.isfinite(rate):
        raise BadFile(path, f"{shown(text)} is no finite rate; give a number", line=number)
    if rate < 0:
        raise BadFile(path, f"{shown(text)} can't be a rate: it has to be 0 or more", line=number)
    return rate


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
