"""Every real file under every profile, edition and option alone and under a hundred mixes: engine against oracle.

    python -m tests.proof [--seed N] [--mixes N]

Prints what it did; exit code 1 when the two disagree anywhere. Large files meet the named configs alone.
"""

from __future__ import annotations

import argparse
import collections
import sys
import time

from effacer_server.engine.instance import Deidentifier
from tests import corpus, mixes
from tests.property.agreement import KEYS, difference

SLOW = 2 << 20  # bytes from which a file meets one config in eight


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mixes", type=int, default=100)
    options = parser.parse_args()
    configs = [*mixes.named(), *mixes.sampled(options.mixes, options.seed)]
    compiled = [(name, mixes.plan(text), Deidentifier(mixes.plan(text), KEYS)) for name, text in configs]
    pairs, wrong, files, start = 0, 0, collections.Counter[str](), time.process_time()
    for number, (file, data) in enumerate(corpus.instances(None)):
        files[file.split("/")[0]] += 1
        for index, (name, plan, deidentifier) in enumerate(compiled):
            if len(data) > SLOW and (index + number) % 8:
                continue
            pairs += 1
            if found := difference(data, plan, deidentifier=deidentifier):
                wrong += 1
                print(f"{file}: {found}: {name}")
    seconds = time.process_time() - start
    print(f"{sum(files.values())} files ({', '.join(f'{n} {k}' for k, n in files.items())}), {len(configs)} configs")
    print(f"{pairs} pairs, {wrong} disagreements, {seconds:.0f} s CPU")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
