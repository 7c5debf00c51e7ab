"""Run master_data until it is told to stop."""

from services.master_data.app import build
from services.master_data.settings import Settings
from shared.runtime.main import run

if __name__ == "__main__":
    settings = Settings()
    run(build(settings), settings.runtime)
