"""Run visibility until it is told to stop; `python -m services.visibility kpis` runs its KPI app."""

import sys

from services.visibility.app import build, run_kpis
from services.visibility.settings import KpiSettings, Settings
from shared.runtime.commands import obey

if __name__ == "__main__":
    if sys.argv[1:] == ["kpis"]:
        run_kpis(KpiSettings())
    else:
        settings = Settings()
        obey(build(settings), settings.runtime)
