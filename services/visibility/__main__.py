"""Run visibility until it is told to stop; `kpis` runs its KPI app, `rebuild` makes the projection anew, `replay` decides once more."""

import sys

from services.visibility.app import build, run_kpis, run_rebuild
from services.visibility.settings import KpiSettings, Settings
from shared.runtime.commands import obey

if __name__ == "__main__":
    if sys.argv[1:] == ["kpis"]:
        run_kpis(KpiSettings())
    elif sys.argv[1:] == ["rebuild"]:
        sys.exit(run_rebuild(Settings()))
    else:
        settings = Settings()
        obey(build(settings), settings.runtime)
