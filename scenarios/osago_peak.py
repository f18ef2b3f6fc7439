"""A person applies for OSAGO; some look at their card first, some at the application again."""

from insurance import CARD, READ, create_application, some_client

from insurectl.scenario import Journey, task


class OsagoPeak(Journey):
    @task(weight=7)
    def apply(self) -> None:
        create_application(self)

    @task(weight=2)
    def look_at_card(self) -> None:
        self.http.graphql(CARD, name="client_card", variables={"id": some_client(self)})

    @task(weight=1)
    def apply_and_read(self) -> None:
        made = create_application(self)
        if made is not None:
            self.http.graphql(READ, name="read_application", variables={"id": made})
