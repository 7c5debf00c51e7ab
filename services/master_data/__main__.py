"""Run master_data until it is told to stop; `replay` decides once more on what it decided before."""

from services.master_data.app import build
from services.master_data.settings import Settings
from shared.runtime.commands import obey

if __name__ == "__main__":
    settings = Settings()
    obey(build(settings), settings.runtime)
