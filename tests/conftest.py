"""What holds for every test."""

import signal

# A shell starts what it puts in the background with SIGINT ignored, and children inherit that;
# tests that interrupt something must mean the same wherever they are started from.
signal.signal(signal.SIGINT, signal.default_int_handler)
