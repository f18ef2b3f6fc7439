"""Clock: the machine's own."""

import time


class SystemClock:
    """Wall clock, since Prometheus and the services keep the same."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait; nothing for a time that is over already."""
        if seconds > 0:
            time.sleep(seconds)
