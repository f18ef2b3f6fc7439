"""Two partners, one within the limit of 10 a minute and one at twice as much.

Every third arrival belongs to the first. The seed chooses both, and the limit looks back 60 s:
between two runs wait a minute, or give another --seed.
"""

from random import Random

from insurance import partner_application

from insurectl.scenario import Journey, task


class PartnerLimits(Journey):
    @task()
    def apply(self) -> None:
        if len(self.partner_keys) < 2:
            raise LookupError(
                "this scenario needs the keys of two partners; a system that `insurectl deploy` "
                "brought up has them"
            )
        within, over = Random(self.seed).sample(self.partner_keys, 2)
        if self.number % 3 == 0:
            partner_application(self, within, "partner_10")
            return
        answer = partner_application(self, over, "partner_20", accept=(429,))
        if answer.status == 429 and not (answer.header("Retry-After") or "").isdigit():
            answer.fail("429 without a Retry-After in seconds")
