"""Run psa_sync until it is told to stop."""

from services.psa_sync.app import build
from services.psa_sync.settings import Settings
from shared.runtime.main import run

if __name__ == "__main__":
    settings = Settings()
    run(build(settings), settings.runtime)
