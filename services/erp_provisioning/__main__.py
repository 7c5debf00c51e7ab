"""Run erp_provisioning until it is told to stop; `replay` decides once more on what it decided before."""

from services.erp_provisioning.app import build
from services.erp_provisioning.settings import Settings
from shared.runtime.commands import obey

if __name__ == "__main__":
    settings = Settings()
    obey(build(settings), settings.runtime)
