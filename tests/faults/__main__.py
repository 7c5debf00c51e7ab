"""`python -m tests.faults --seconds N --seed S [--nodes 1|3]`: break a whole stack for N seconds, then say what held."""

import argparse
import json
import random
import signal
import sys
import time
from pathlib import Path

from tests.faults.report import Report
from tests.faults.run import Run, Say


def main() -> int:
    """Exit code: 0 every invariant holds, 1 one does not."""
    options = argparse.ArgumentParser(prog="python -m tests.faults")
    options.add_argument("--seconds", type=float, default=600.0, help="how long to inject faults (default %(default)s)")
    options.add_argument("--seed", type=int, default=None, help="drawn and printed when not given")
    options.add_argument("--nodes", type=int, choices=(1, 3), default=3, help="Kafka nodes (default %(default)s)")
    options.add_argument("--only", nargs="*", default=(), help="only faults whose kind holds one of these words")
    options.add_argument("--home", type=Path, help="keep the stack's home here")
    options.add_argument("--out", type=Path, default=Path(".throughline/faults"), help="write OUT.json and OUT.md (default %(default)s)")
    asked = options.parse_args()
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(1 << 31)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:7.1f}  {text}", flush=True)

    say(f"seed {seed}, {asked.seconds:.0f} s, {asked.nodes} Kafka node(s)")
    run = Run(asked.seconds, seed, asked.nodes, last_acts=True, only=tuple(asked.only), say=say)
    _stop_early(run, say)
    try:
        run.play(asked.home)
    except BaseException as error:  # a second Ctrl-C, too: what came of the run until now is written all the same
        run.broken.append(f"ended by {type(error).__name__}: {error}")
        raise
    finally:
        _write(run.report(), asked.out)
    return 0 if run.report().holds else 1


def _stop_early(run: Run, say: Say) -> None:
    """The first SIGINT or SIGTERM ends the breaking, and what was broken is judged; the second ends the run."""

    def told(sign: int, frame: object) -> None:
        if run.stopping.is_set():
            raise KeyboardInterrupt
        say("no more is broken; healing, and judging what was (once more: end at once)")
        run.stopping.set()

    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, told)


def _write(report: Report, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_suffix(".json").write_text(json.dumps(report.as_json(), indent=2) + "\n", encoding="utf-8")
    out.with_suffix(".md").write_text(report.as_markdown(), encoding="utf-8")
    print(report.as_markdown(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
