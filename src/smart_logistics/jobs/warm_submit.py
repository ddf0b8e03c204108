"""In the place of spark-submit for a job on the warm session: ``warm_submit.py OPTIONS SCRIPT ARGUMENTS``.

It takes the same words. Neither the JVM that puts a driver's command together nor the one that would relay to the
Python of the job is needed where the driver is there already. Options say how a driver is started, and there is none
to start; only which Python the job is they say here, too. A script of the standard library, run by its path.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_PYTHON = "spark.pyspark.driver.python="

if __name__ == "__main__":
    folder = Path(__file__).parent
    at = next(place for place, word in enumerate(sys.argv[1:], 1) if Path(word).parent == folder)
    given = [word.removeprefix(_PYTHON) for word in sys.argv[1:at] if word.startswith(_PYTHON)]
    python = (given or [os.environ["PYSPARK_PYTHON"]])[-1]
    os.execv(python, [python, *sys.argv[at:]])  # noqa: S606 - a list, and no shell is wanted
