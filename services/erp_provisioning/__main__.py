"""Run erp_provisioning until it is told to stop."""

from services.erp_provisioning.app import build
from services.erp_provisioning.settings import Settings
from shared.runtime.main import run

if __name__ == "__main__":
    settings = Settings()
    run(build(settings), settings.runtime)
