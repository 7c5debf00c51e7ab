"""Play the demo against the stack of a home: `python -m deploy.embedded.demo --home DIR`."""

import argparse
import sys
from pathlib import Path

from deploy.embedded.demo.play import Play
from shared.ops.endpoints import find
from shared.ops.errors import Exit, OpsError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.embedded.demo", description=__doc__)
    parser.add_argument("--home", type=Path, default=Path(".throughline"), help="home folder of the stack (default %(default)s)")
    home = parser.parse_args().home
    try:
        Play(home, find(home), lambda line: print(line, flush=True)).run()
    except OpsError as error:
        print(error, file=sys.stderr)
        return Exit.FAILED
    return Exit.DONE


if __name__ == "__main__":
    sys.exit(main())
