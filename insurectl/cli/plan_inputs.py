"""What was typed after ``insurectl plan`` -> inputs, each with where it comes from."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from insurectl.adapters import located_yaml, plan_facts
from insurectl.adapters.located_yaml import UNITS_S
from insurectl.errors import BadInput
from insurectl.planning.plan_inputs import INPUTS, Input, changed, find, value_of
from insurectl.records.plan import Basis, PlanInputs, PlanSystem, Sourced

Pairs = Sequence[tuple[str, str]]  # name and text, as typed
NUMBER = r"([+-]?\d*(?:\.\d+)?)"
DURATION = re.compile(NUMBER + r"(ms|s|m|h)")
MEMORY = re.compile(NUMBER + r"(Mi|Gi|Ti)")
UNITS_MIB = {"Mi": 1, "Gi": 1024, "Ti": 1024**2}
GROWTH = re.compile(NUMBER + r"%/(year|quarter|month)")
A_YEAR = {"year": 1, "quarter": 4, "month": 12}
HORIZON = re.compile(NUMBER + r"(y|q)")
IN_NODE = ("price",)  # said of a node, and yet of no node's size
MOST_CHANGES = 20


@dataclass(frozen=True, kw_only=True)
class Typed:
    """Inputs with their origins, and the what-ifs."""

    inputs: PlanInputs
    origins: dict[str, Sourced]
    what_ifs: tuple[tuple[str, PlanInputs], ...]


def typed(
    system: PlanSystem, pairs: Pairs, what_ifs: Iterable[str], broker: Sourced | None, currency: str
) -> Typed:
    """Defaults, then what the system is configured with, then what was typed. BadInput for a
    word, a value or a price that can't be used."""
    services = tuple(one.name for one in system.services)
    inputs = PlanInputs(
        people=2500,
        insurers=1,
        zones=2,
        survive=1,
        reserved_connections=plan_facts.reserved_connections(),
    )
    bases: dict[str, tuple[Basis, str]] = {}
    for name, value in plan_facts.configured().items():
        inputs = changed(inputs, name, INPUTS[name], value)
        bases[name] = ("configured", "topology.yaml")
    if broker is not None:
        inputs = changed(inputs, "broker", INPUTS["broker"], broker.value)
        bases["broker"] = ("measured", broker.source)
    inputs = _applied(inputs, pairs, services)
    bases.update({name: ("given", "given") for name, _ in pairs})
    what = tuple((text, _applied(inputs, split(text), services)) for text in what_ifs)
    if len(what) > MOST_CHANGES:
        raise BadInput(
            f"{len(what)} what-ifs are too many for a table; {MOST_CHANGES} are the most"
        )
    _check_currency(currency, (inputs, *(one for _, one in what)))
    return Typed(inputs=inputs, origins=_origins(inputs, bases), what_ifs=what)


def split(text: str) -> list[tuple[str, str]]:
    """``people=5000,zones=3``."""
    found = []
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not (name and equals and value):
            raise BadInput(f"{text!r}: wanted is NAME=VALUE, or several with commas, as zones=3")
        found.append((name, value))
    return found


def node(text: str) -> list[tuple[str, str]]:
    """``cpu=4,memory=16Gi,pods=110,price=0.20``, or a YAML file with those keys."""
    known = [name.removeprefix("node.") for name in INPUTS if name.startswith("node.")] + [*IN_NODE]
    if "=" in text:
        found = split(text)
    else:
        fields = located_yaml.read(Path(text)).fields(known)
        found = [(name, one.text()) for name, one in fields.found.items()]
    for name, _ in found:
        if name not in known:
            raise BadInput(f"--node: {located_yaml.unknown('key', name, known)}")
    return [(name if name in IN_NODE else f"node.{name}", value) for name, value in found]


def _applied(inputs: PlanInputs, pairs: Pairs, services: tuple[str, ...]) -> PlanInputs:
    for name, text in pairs:
        one = find(name, services)
        inputs = changed(inputs, name, one, _value(name, one, text))
    return inputs


def _value(name: str, one: Input, text: str) -> float:
    if name == "growth":
        return _growth(text)
    if name == "horizon":
        amount, unit = _matched(name, HORIZON, text, "3y or 8q")
        return amount / 4 if unit == "q" else amount
    match one.kind:
        case "seconds":
            amount, unit = _matched(name, DURATION, text, "500ms, 30s, 2m or 1h")
            return amount * UNITS_S[unit]
        case "memory":
            amount, unit = _matched(name, MEMORY, text, "512Mi or 16Gi")
            return float(int(amount * UNITS_MIB[unit]))
        case "cores":
            return _cores(name, text)
        case "share":
            share = text.removesuffix("%")
            return _number(name, share) / (100 if share != text else 1)
        case "whole" | "number":
            return _number(name, text)


def _cores(name: str, text: str) -> float:
    """``4`` or ``500m``; in thousandths."""
    if text.endswith("m"):
        return _number(name, text[:-1])
    return float(round(_number(name, text) * 1000, 6))


def _growth(text: str) -> float:
    """A year's, compounded from a quarter's or a month's."""
    amount, unit = _matched("growth", GROWTH, text, "20%/year, 5%/quarter or 2%/month")
    if not 0 <= amount <= 1000:
        raise BadInput(f"growth: {text} can't be used; wanted is from 0 to 1000 %")
    return float((1 + amount / 100) ** A_YEAR[unit] - 1)


def _matched(name: str, form: re.Pattern[str], text: str, example: str) -> tuple[float, str]:
    match = form.fullmatch(text)
    if match is None:
        raise BadInput(f"{name}: {located_yaml.shown(text)} can't be read; write it as {example}")
    return _number(name, match[1]), match[2]


def _number(name: str, text: str) -> float:
    try:
        if "_" not in text:  # Python would read 1_0 as 10
            return float(text)
    except ValueError:
        pass
    raise BadInput(f"{name}: {located_yaml.shown(text)} is no number")


def _check_currency(currency: str, every: Iterable[PlanInputs]) -> None:
    prices = [
        one for inputs in every for one in (inputs.price, inputs.pod_price) if one is not None
    ]
    if currency and not re.fullmatch(r"[A-Z]{3}", currency):
        raise BadInput(f"currency: {currency!r} is none; write its three letters, as EUR or USD")
    if prices and not currency:
        raise BadInput(f"a price of {prices[0]:g} of what? Add --currency, such as EUR or USD")
    if currency and not prices:
        raise BadInput(f"there is no price in {currency}; add --price, of a node and hour")


def _origins(inputs: PlanInputs, bases: dict[str, tuple[Basis, str]]) -> dict[str, Sourced]:
    found = {}

    for name, one in INPUTS.items():
        value = value_of(inputs, name, one)
        if value is not None:
            basis, source = bases.get(name, ("assumed", "default, nobody said"))
            found[name] = Sourced(
                value=value, low=value, high=value, unit=one.kind, basis=basis, source=source
            )
    return found


def milliseconds(name: str, text: str | None) -> float | None:
    """A duration that a flag alone carries."""
    if text is None:
        return None
    amount, unit = _matched(name, DURATION, text, "600ms")
    found = amount * UNITS_S[unit] * 1000
    if not 0 < found <= 3_600_000:
        raise BadInput(f"{name}: {text} can't be used; wanted is more than 0s, up to 1h")
    return found
