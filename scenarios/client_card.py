"""An operator opens client cards, one after the other."""

from insurance import CARD, some_client

from insurectl.scenario import Journey, task


class ClientCard(Journey):
    think_s = (0.5, 1.5)

    @task()
    def open_card(self) -> None:
        asked = some_client(self)
        answer = self.http.graphql(CARD, name="client_card", variables={"id": asked})
        if answer is not None and answer["clientCard"]["id"] != asked:
            raise AssertionError(f"asked for the card of {asked}, got {answer['clientCard']['id']}")
