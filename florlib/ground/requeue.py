"""What it means to a run to be asked to leave, and to go on later: signals, and the exit status that says so."""

from __future__ import annotations

import signal

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
STATUS = 85  # what HTCondor's manual has jobs that checkpoint themselves end with
