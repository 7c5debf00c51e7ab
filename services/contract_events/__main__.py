"""Run contract_events until it is told to stop; `replay` decides once more on what it decided before."""

from services.contract_events.app import build
from services.contract_events.settings import Settings
from shared.runtime.commands import obey

if __name__ == "__main__":
    settings = Settings()
    obey(build(settings), settings.runtime)
