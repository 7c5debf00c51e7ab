"""Run psa_sync until it is told to stop; `replay` decides once more on what it decided before."""

from services.psa_sync.app import build
from services.psa_sync.settings import Settings
from shared.runtime.commands import obey

if __name__ == "__main__":
    settings = Settings()
    obey(build(settings), settings.runtime)
