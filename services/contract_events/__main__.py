"""Run contract_events until it is told to stop."""

from shared.runtime.main import run

from services.contract_events.app import build
from services.contract_events.settings import Settings

if __name__ == "__main__":
    settings = Settings()
    run(build(settings), settings.runtime)
