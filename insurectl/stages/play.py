"""An application, autoscalers and a trace -> what each would do; no system needed."""

from collections.abc import Callable, Sequence

from insurectl.planning.application import Application, Candidate, Course, Plant, Traffic
from insurectl.planning.play import play, play_many
from insurectl.records import CapacityModel, Playbacks


def play_side_by_side(
    plant: Plant,
    candidates: Sequence[Candidate],
    traffic: Traffic,
    *,
    trace: str,
    now_s: Callable[[], float],
    notes: Sequence[str] = (),
) -> tuple[Playbacks, tuple[Course, ...]]:
    """Each on the same trace, with what happened second by second. ``now_s``: a clock, for the
    time that a play takes once the kernel is there."""
    # loads the kernel (the first time on a machine compiles it), so that no play is told it took so
    play_many(plant, candidates[:1], Traffic(rates=(1.0,), warmup_s=0))
    played, courses, took_ms = [], [], []
    for candidate in candidates:
        began_s = now_s()
        playback, course = play(plant, candidate, traffic)
        took_ms.append(1000 * (now_s() - began_s))
        played.append(playback)
        courses.append(course)
    record = Playbacks(
        trace=trace,
        lasted_s=len(traffic.rates),
        peak_rps=float(max(traffic.rates)),
        slo_ms=plant.application.slo_ms,
        slo_quantile=plant.application.slo_quantile,
        played=tuple(played),
        took_ms=tuple(took_ms),
        notes=(*Playbacks.notes, *notes),
    )
    return record, tuple(courses)


def application_of(model: CapacityModel, cpu_ms: float) -> Application:
    """A run's capacity model, at its most likely. It knows no CPU of a request in the service
    itself, so that is given."""
    return Application(
        queue=model.queue.best,
        cpu_ms=cpu_ms,
        slo_ms=model.slo_ms,
        slo_quantile=model.slo_quantile,
        startup_s=round(model.startup_s.value),
        memory_floor_mib=model.memory_floor_mib.value,
        memory_per_rps_mib=max(model.memory_per_rps_mib.value, 0.0),
    )
