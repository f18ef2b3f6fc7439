"""People look at what is theirs; very few apply.

An application asks every insurer, twice or more; a load that is to show how replicas follow it
must not be one on the insurers.
"""

from insurance import (
    APPLICATIONS,
    CARD,
    POLICIES,
    PRODUCTS,
    create_application,
    read,
    some_client,
)

from insurectl.scenario import Journey, task


class Browse(Journey):
    @task(weight=30)
    def look_at_card(self) -> None:
        read(self, some_client(self), CARD, "my_card")

    @task(weight=25)
    def look_at_policies(self) -> None:
        read(self, some_client(self), POLICIES, "my_policies")

    @task(weight=25)
    def look_at_products(self) -> None:
        read(self, some_client(self), PRODUCTS, "products")

    @task(weight=18)
    def look_at_applications(self) -> None:
        read(self, some_client(self), APPLICATIONS, "my_applications")

    @task(weight=2)
    def apply(self) -> None:
        create_application(self, some_client(self))
