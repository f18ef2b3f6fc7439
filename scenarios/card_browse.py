"""People open their card, with all that is on it, one after the other."""

from insurance import CARD, read, some_client

from insurectl.scenario import Journey, task


class CardBrowse(Journey):
    think_s = (0.5, 1.5)

    @task()
    def open_card(self) -> None:
        client = some_client(self)
        seen = read(self, client, CARD, "my_card")
        if seen is not None and seen["myCard"]["id"] != client:
            raise AssertionError(f"{client} got the card of {seen['myCard']['id']}")
