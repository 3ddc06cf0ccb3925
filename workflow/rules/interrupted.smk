from uncrossed.job import slurm

try:
    snakemake_records.judge_by_content(workflow, STUDY, ROWS, RESULTS)
except InputError as error:
    raise WorkflowError(str(error))


onstart:
    # Where Snakemake was killed its jobs run on. This run holds the lock, so that no other Snakemake waits for them.
    try:
        slurm.end_jobs(snakemake_records.jobs_left(workflow))
    except InputError as error:
        raise WorkflowError(str(error))
