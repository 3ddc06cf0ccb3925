from uncrossed.cluster import end_jobs


onstart:
    # Where Snakemake was killed its jobs run on. This run holds the lock, so that no other Snakemake waits for them.
    earlier = [
        identifier
        for job in workflow.dag.needrun_jobs()
        for identifier in workflow.persistence.external_jobids(job)
    ]
    try:
        end_jobs(earlier)
    except InputError as error:
        raise WorkflowError(str(error))
