"""Presidio's analyzer as a child process: started with the Python of its own environment, imports nothing of ours.

Reads one JSON line with {"texts": [...]}, writes one with {"cpu_s": ..., "found": [[[start, end, type], ...], ...]},
until its input ends. The first line it writes says what it is, before anything is asked. As it is shipped: its own
configuration, all recognisers that this has on, no threshold; only the name of the model is another one.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from importlib import metadata
from pathlib import Path


def main() -> None:
    """Answers until the input ends."""
    # Where there is no network its list of top-level domains cannot be renewed; the one it brings is used, with a tale.
    logging.disable(logging.CRITICAL)
    answers = sys.stdout
    sys.stdout = sys.stderr
    import presidio_analyzer  # type: ignore[import-not-found]
    import yaml  # type: ignore[import-untyped]
    from presidio_analyzer.nlp_engine import NlpEngineProvider  # type: ignore[import-not-found]

    model = sys.argv[1]
    shipped = Path(presidio_analyzer.__file__).parent / "conf" / "default.yaml"
    configuration = yaml.safe_load(shipped.read_text(encoding="utf-8"))
    configuration["models"] = [{"lang_code": "en", "model_name": model}]
    nlp = NlpEngineProvider(nlp_configuration=configuration).create_engine()
    analyzer = presidio_analyzer.AnalyzerEngine(nlp_engine=nlp, supported_languages=["en"])
    analyzer.analyze(text="Seen by John Smith, mail a@example.com, on 2011-09-09", language="en")
    version = f"presidio-analyzer {metadata.version('presidio-analyzer')}, {model} {metadata.version(model)}"
    print(json.dumps({"version": version}), file=answers, flush=True)
    for line in sys.stdin:
        texts = json.loads(line)["texts"]
        started = time.process_time()
        results = [analyzer.analyze(text=text, language="en") for text in texts]
        cpu_s = time.process_time() - started
        found = [[[one.start, one.end, one.entity_type] for one in result] for result in results]
        print(json.dumps({"cpu_s": cpu_s, "found": found}), file=answers, flush=True)


if __name__ == "__main__":
    main()
