"""The script that draws charts: Vega, Vega-Lite and their embedding, made of the assets in the wheel of vl-convert.

Made once for each environment, by a process of its own: the maker is a JavaScript engine that takes hundreds of
megabytes, which no server should keep. ``python -m smart_logistics.pages.chart_script`` makes it beforehand.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from importlib import metadata
from pathlib import Path

from smart_logistics import settings
from smart_logistics.errors import EnvironmentFault

_MAKER = "vl-convert-python"
_SECONDS = 300
# The interpreter of expressions instead of their compilation: a page that forbids eval can draw.
_SNIPPET = "window.vegaEmbed = vegaEmbed;"
_MAKE = "import sys, vl_convert; sys.stdout.write(vl_convert.javascript_bundle(snippet=sys.argv[1]))"
_alone = threading.Lock()


def path() -> Path:
    """Return the script, made where it is not there yet.

    Raises:
        EnvironmentFault: it cannot be made or kept.
    """
    name = f"charts-{metadata.version(_MAKER)}.js"
    places = [Path(sys.prefix) / "share" / "smart-logistics", settings.load().home / "cache"]
    with _alone:
        found = next((place / name for place in places if (place / name).is_file()), None)
        return found or _keep(_make(), [place / name for place in places])


def _make() -> bytes:
    done = subprocess.run([sys.executable, "-c", _MAKE, _SNIPPET], capture_output=True, check=False, timeout=_SECONDS)
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise EnvironmentFault(
            f"the script of the charts could not be made: {''.join(last)}", remedy="run `make install`"
        )
    return done.stdout


def _keep(script: bytes, places: list[Path]) -> Path:
    for place in places:
        new = place.with_suffix(".new")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            new.write_bytes(script)
            new.rename(place)
        except OSError:
            continue  # an environment that is not ours to write; then the home
        return place
    raise EnvironmentFault(f"none of {', '.join(map(str, places))} can be written", remedy="check their permissions")


if __name__ == "__main__":
    path()
