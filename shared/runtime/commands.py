"""What a service's process is started for: to run, to decide once more on what it decided before, or to let its halted lanes go on."""

import sys

from shared.runtime.decision import Service
from shared.runtime.main import run
from shared.runtime.settings import RuntimeSettings


def obey(service: Service, settings: RuntimeSettings) -> None:
    """`python -m services.<name>` runs it; with `replay …` behind it, see `shared.runtime.replaying.command`, with `lanes …`,
    `shared.runtime.resume_command`."""
    if sys.argv[1:2] == ["replay"]:
        from shared.runtime.replaying.command import replay

        sys.exit(replay(service, settings, sys.argv[2:]))
    if sys.argv[1:2] == ["lanes"]:
        from shared.runtime.resume_command import lanes

        sys.exit(lanes(service, settings, sys.argv[2:]))
    run(service, settings)
