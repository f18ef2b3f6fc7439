"""Two tunings, line by line."""

from dataclasses import replace

from insurectl.planning.tuning_diff import diff
from insurectl.records import ServiceTuning, Tuning

SERVICE = ServiceTuning(
    service="core-app", replicas=1, memory_request_mib=192, memory_limit_mib=320
)
TUNING = Tuning(services=(SERVICE,))


def test_equal_tunings_have_no_difference() -> None:
    assert diff(TUNING, TUNING) == ""


def test_each_changed_setting_is_a_line() -> None:
    after = replace(TUNING, services=(replace(SERVICE, replicas=3),), zone_rps=40.0)
    assert diff(TUNING, after).splitlines() == [
        "core-app.replicas: 1 -> 3",
        "zone_rps: None -> 40.0",
    ]
