"""`python -m tests.faults --seconds N --seed S [--nodes 1|3]`: break a whole stack for N seconds, then say what held."""

import argparse
import json
import random
import sys
import time
from pathlib import Path

from tests.faults.run import Run


def main() -> int:
    """Exit code: 0 every invariant holds, 1 one does not."""
    options = argparse.ArgumentParser(prog="python -m tests.faults")
    options.add_argument("--seconds", type=float, default=600.0, help="how long to inject faults (default %(default)s)")
    options.add_argument("--seed", type=int, default=None, help="drawn and printed when not given")
    options.add_argument("--nodes", type=int, choices=(1, 3), default=1, help="Kafka nodes (default %(default)s)")
    options.add_argument("--home", type=Path, help="keep the stack's home here")
    options.add_argument("--out", type=Path, default=Path(".throughline/faults"), help="write OUT.json and OUT.md (default %(default)s)")
    asked = options.parse_args()
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(1 << 31)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:7.1f}  {text}", flush=True)

    say(f"seed {seed}, {asked.seconds:.0f} s, {asked.nodes} Kafka node(s)")
    report = Run(asked.seconds, seed, asked.nodes, last_act=True, say=say).play(asked.home)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.with_suffix(".json").write_text(json.dumps(report.as_json(), indent=2) + "\n", encoding="utf-8")
    asked.out.with_suffix(".md").write_text(report.as_markdown(), encoding="utf-8")
    print(report.as_markdown())
    return 0 if report.holds else 1


if __name__ == "__main__":
    sys.exit(main())
