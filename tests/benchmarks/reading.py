"""What reading costs over HTTP: requests and bytes of what users ask for, against fetching whole files.

`python tests/benchmarks/reading.py results/STUDY [TRIAL]` serves the study on this machine, and nothing is cached.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import uncrossed
from helpers.server import Server


def main() -> None:
    """Print one line per question."""
    folder = Path(sys.argv[1]).resolve()
    trial = sys.argv[2] if len(sys.argv) > 2 else max(folder.glob("trials/*/*.h5"), key=os.path.getsize).parent.name
    size = (folder / f"trials/{trial}/pytorch.h5").stat().st_size
    total = sum(path.stat().st_size for path in folder.glob("trials/*/*.h5"))
    with Server(folder) as server, tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache
        side = uncrossed.open(server.url).trial(trial).pytorch
        name = max(side.weights, key=lambda name: side._file[side.weights._group][name].nbytes)
        nbytes = side._file[side.weights._group][name].nbytes
        questions = (
            ("list trials", total, lambda study: len(study)),
            ("all curves", total, lambda study: study.curves),
            ("attributes of one side", size, lambda study: study.trial(trial).pytorch.attributes),
            (f"{name} ({nbytes:,} bytes)", size, lambda study: study.trial(trial).pytorch.weights[name]),
            ("all weights of one side", size, lambda study: dict(study.trial(trial).pytorch.weights)),
        )
        print(f"{trial} of {folder.name}: {'asked for':50} {'requests':>8} {'bytes':>12} {'whole files':>12} seconds")
        for what, whole, ask in questions:
            os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(dir=cache)
            server.reset()
            study = uncrossed.open(server.url)
            # Listing is what opening does; it is not counted in the others.
            if what != "list trials":
                server.reset()
            started = time.perf_counter()
            ask(study)
            seconds = time.perf_counter() - started
            print(f"{what:70} {len(server.requests):8} {server.sent:12,} {whole:12,} {seconds:7.2f}")


if __name__ == "__main__":
    main()
