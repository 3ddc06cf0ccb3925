"""What is found in small pairs, and what the commands say in FOLDER: JSON; `differences.py FOLDER [CASE ...]`."""

import json
import os
import sys

from helpers import pair_commands, small_pairs, small_trainings
from uncrossed.explain.differences import pair_file

pair_file.start(threads=1)

from uncrossed.explain.differences import losses, optimizers  # noqa: E402
from uncrossed.explain.differences.examine import examine  # noqa: E402

found = {}
cases = small_pairs.cases()
for name in sys.argv[2:] or cases:
    if name not in cases:
        continue
    case = cases[name]

    def model(side, case=case):
        """One side's model."""
        made = case.steps()
        if isinstance(made, tuple):
            return made[side != "pytorch"]()
        return small_pairs.build(made, side, case.shape, "VOCABULARY" in case.constants)

    constants = dict(case.constants)
    pair = pair_file.PairFile(
        name,
        {side: lambda shape, classes, side=side: model(side) for side in pair_file.SIDES},
        case.shape,
        5,
        constants.get("VOCABULARY"),
        len(case.shape) >= 3,
        {},
        training={key: value for key, value in constants.items() if key in pair_file.TRAINING},
    )
    report = examine(pair)
    found[name] = {
        "differences": [difference.plain() for difference in report.differences],
        "partings": report.partings,
        "agreed": report.agreed,
        "unknown": report.unknown,
        "notes": report.notes,
    }
for name, functions in small_trainings.functions().items():
    if sys.argv[2:] and name not in sys.argv[2:]:
        continue
    steps, notes = optimizers.differences(functions)
    values, others, _ = losses.differences(functions, (None, None))
    found[name] = {"differences": [difference.plain() for difference in [*steps, *values]], "notes": [*notes, *others]}
os.chdir(sys.argv[1])
commands = {} if sys.argv[2:] else pair_commands.run()
print(json.dumps({"pairs": found, "commands": commands}))
