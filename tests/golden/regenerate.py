"""Writes the golden plans and instances anew: `python -m tests.golden.regenerate`. Read the diff first."""

from __future__ import annotations

from tests.golden import instances
from tests.unit import test_compiler, test_options


def main() -> None:
    """All plans that tests compare, then the instances."""
    plans = {name: test_compiler.compiled({"dicomTagConfig": config}) for name, config in test_compiler.SAMPLES.items()}
    plans |= {name: test_compiler.compiled(config) for name, config in test_compiler.OTHERS}
    plans |= {name: test_options.plan_of(*given) for name, given in test_options.GOLDEN_PLANS.items()}
    for name, plan in plans.items():
        (test_compiler.GOLDEN / f"{name}.txt").write_text(plan.dump(), encoding="utf-8")
    instances.main()


if __name__ == "__main__":
    main()
