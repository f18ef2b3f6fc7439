"""People who are there at once -> requests a second, streams that are open, events."""

from dataclasses import dataclass

from insurectl.records.plan import PlanInputs, PlanService


@dataclass(frozen=True, kw_only=True)
class Demand:
    """At the peak, over all zones. ``insurer_rps``: calls to each insurer."""

    arrivals_rps: float
    streams: float
    in_flight: float
    events_eps: float


def demand(inputs: PlanInputs) -> Demand:
    """Little's law (people = arrivals x time that each stays; Little 1961), cut at the ramp.

    Whoever stays longer than the ramp lasts is still there at its end, so there the same number
    needs ``people / ramp_s`` arrivals a second; one whose stay is shorter has gone again, and to
    have that many at once needs ``people / stay``. Streams are open for ``wait_s`` of a stay.
    """
    stay_s = inputs.wait_s + inputs.think_s
    window_s = min(inputs.ramp_s, stay_s)
    arrivals = inputs.people / window_s
    return Demand(
        arrivals_rps=arrivals,
        streams=arrivals * min(inputs.wait_s, window_s),
        in_flight=arrivals * min(inputs.answer_s, window_s),
        events_eps=arrivals * inputs.buy_share,
    )


def calls(service: PlanService, inputs: PlanInputs) -> float:
    """Requests to the service that one person leads to."""
    direct = inputs.calls.get(service.name, service.calls)
    return direct + service.calls_per_insurer * inputs.insurers


def calls_an_insurer(services: tuple[PlanService, ...], inputs: PlanInputs) -> float:
    """Calls that one person leads to at each insurer; 0 where nobody stands in for them."""
    found = (
        inputs.calls.get(one.name, 0.0) / inputs.insurers + one.calls_per_insurer
        for one in services
        if one.stands_in
    )
    return sum(found)
