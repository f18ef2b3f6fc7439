"""People buy, and each policy has to arrive in the register of what is owed to the insurers.

`settled` is the time from the purchase until its entry is there. It grows while purchases come
faster than they are settled, and falls again afterwards.
"""

from typing import Any

from insurance import BUY, create_application, follow_offers, key, some_client

from insurectl.scenario import Answer, Journey, task


class SettlementBacklog(Journey):
    @task()
    def buy(self) -> None:
        client = some_client(self)
        made = create_application(self, client)
        if made is None:
            return
        answer = follow_offers(self, client, made, until="offer")
        offers = [event.json() for event in answer.events if event.kind == "offer"]
        if not offers:
            return
        bought = self.http.graphql(
            BUY,
            name="buy",
            variables={"offer": offers[0]["id"], "key": f"{key(self)}-buy"},
            headers=self.headers(client),
        )
        if bought is not None:
            self._settled(bought["buyOffer"])

    def _settled(self, policy: dict[str, Any]) -> None:
        """Exactly one entry, of that insurer and that premium."""
        answer = self.http.poll(
            f"/settlement/v1/register?policyId={policy['id']}",
            name="settled",
            found=_has_entries,
            headers=self.headers(self.operator, "operator"),
        )
        if answer.failure is not None:
            return
        entries = [(one["insurer"], one["premium"]) for one in answer.json()["items"]]
        if entries != [(policy["insurer"], policy["premium"]["amount"])]:
            answer.fail(f"the register has {len(entries)} entries, or not those of the policy")


def _has_entries(answer: Answer) -> bool:
    content = answer.json()
    return bool(isinstance(content, dict) and content.get("items"))
