"""What a service's process is started for: to run, or to decide once more on what it decided before."""

import sys

from shared.runtime.decision import Service
from shared.runtime.main import run
from shared.runtime.settings import RuntimeSettings


def obey(service: Service, settings: RuntimeSettings) -> None:
    """`python -m services.<name>` runs it; with `replay …` behind it, see `shared.runtime.replaying.command`."""
    if sys.argv[1:2] == ["replay"]:
        from shared.runtime.replaying.command import replay

        sys.exit(replay(service, settings, sys.argv[2:]))
    run(service, settings)
