"""Every fault that a run can inject, with its row of the fault matrix."""
