import os
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.27")

# A study file stands alone: one is read only where none is given by --configfile, since Snakemake would merge the two.
# UNCROSSED_STUDY names one, by its file or, of those in config/, by its name. The jobs of a cluster get the variable.
if not workflow.configfiles:
    NAMED = os.environ.get("UNCROSSED_STUDY", "config")
    FILE = (
        Path(NAMED).absolute()
        if NAMED.endswith((".yaml", ".yml", ".json"))
        else Path(workflow.basedir) / f"config/{NAMED}.yaml"
    )
    if not FILE.is_file():
        raise WorkflowError(
            f"UNCROSSED_STUDY: found {NAMED!r}; allowed: a study file, or one of "
            + ", ".join(
                sorted(
                    path.stem for path in Path(workflow.basedir).glob("config/*.yaml")
                )
            )
        )
    if "UNCROSSED_STUDY" in os.environ:

        envvars:
            "UNCROSSED_STUDY",

    configfile: str(FILE)


include: "workflow/rules/common.smk"
include: "workflow/rules/interrupted.smk"
include: "workflow/rules/dataset.smk"
include: "workflow/rules/search.smk"
include: "workflow/rules/preflight.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/release.smk"


rule all:
    default_target: True
    input:
        rules.checksums.output,
        rules.checksums.input,
    localrule: True
