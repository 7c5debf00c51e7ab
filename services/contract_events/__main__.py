"""Run contract_events until it is told to stop."""

from services.contract_events.app import build
from services.contract_events.settings import Settings
from shared.runtime.main import run

if __name__ == "__main__":
    settings = Settings()
    run(build(settings), settings.runtime)
