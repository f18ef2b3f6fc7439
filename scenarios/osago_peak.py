"""People apply for OSAGO and stay until all insurers have answered, or their minute is over.

Of the ten insurers one is slow, one fails every call and one never answers. The other seven must
not be disturbed by that, and the slow one's offer must still come.
"""

from insurance import create_application, follow_offers, some_client

from insurectl.scenario import Journey, task

QUICK = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta")
ILL = {
    "theta": {"freeze": True},
    "iota": {"error_ratio": 1},
    "kappa": {"offer_ms": 20_000, "cv": 0.2, "refuse_ratio": 0},
}
OFFERS = len(QUICK) + 1


class OsagoPeak(Journey):
    def prepare(self) -> None:
        """Every zone has insurers of its own. None refuses, so that all offers can be counted."""
        behaviours = {**{code: {"refuse_ratio": 0} for code in QUICK}, **ILL}
        for zone in str(self.data["zones"]).split():
            for code, behaviour in behaviours.items():
                path, headers = f"/insurers/admin/{code}", self._operator(zone)
                self.http.put(path, name=f"set {code}", json=behaviour, headers=headers)

    def finish(self) -> None:
        for zone in str(self.data["zones"]).split():
            for code in (*QUICK, *ILL):
                path, headers = f"/insurers/admin/{code}", self._operator(zone)
                self.http.delete(path, name=f"reset {code}", headers=headers)

    @task()
    def apply_and_wait(self) -> None:
        client = some_client(self)
        made = create_application(self, client)
        if made is None:
            return
        answer = follow_offers(self, client, made)
        insurers = {event.json()["insurer"] for event in answer.events if event.kind == "offer"}
        if answer.failure is None and len(insurers) != OFFERS:
            answer.fail(f"{len(insurers)} offers, wanted {OFFERS}")

    def _operator(self, zone: str) -> dict[str, str]:
        return {**self.headers(self.operator, "operator"), "X-Zone": zone}
