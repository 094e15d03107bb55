"""Hypothesis profiles: "default" looks for new examples on every run, "ci" repeats the same ones.

``HYPOTHESIS_PROFILE`` chooses; without it, "ci" where ``CI`` is set.
"""

import os
import signal

from hypothesis import HealthCheck, settings

COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}

settings.register_profile("default", max_examples=100, **COMMON)
settings.register_profile("ci", max_examples=150, derandomize=True, print_blob=True, **COMMON)
settings.register_profile("thorough", max_examples=1000, **COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "default"))

# A shell starts what runs in the background deaf to Ctrl-C, and the programs that the tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
