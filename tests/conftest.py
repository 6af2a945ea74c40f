"""Settings all tests share."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Timing decides no test, and a red run is red again: no deadline, a fixed seed, no database of examples.
settings.register_profile(
    "effacer",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
settings.load_profile("effacer")
