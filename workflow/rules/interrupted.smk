from snakemake.persistence import RECORD_FORMAT_VERSION
from snakemake.settings.types import ExecMode

from uncrossed.job.interrupted import end_jobs, judge, slurm_jobs

if workflow.exec_mode == ExecMode.DEFAULT:
    WANTED = {
        f"{RESULTS}/trials/{trial}/{framework}.h5": STUDY.attributes(row, framework)
        for trial, row in ROWS.items()
        for framework in FRAMEWORKS
    }
    try:
        judge(".snakemake", WANTED, RECORD_FORMAT_VERSION)
    except InputError as error:
        raise WorkflowError(str(error))


onstart:
    # Where Snakemake was killed its jobs run on. This run holds the lock, so that no other Snakemake waits for them.
    earlier = {
        identifier: job.rule.name
        for job in workflow.dag.needrun_jobs()
        for identifier in (
            *workflow.persistence.external_jobids(job),
            *slurm_jobs(job.output),
        )
    }
    try:
        end_jobs(earlier)
    except InputError as error:
        raise WorkflowError(str(error))
