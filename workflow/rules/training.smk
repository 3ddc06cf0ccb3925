# `exec`, so that Slurm's SIGTERM reaches the training and not a shell, whose end would be the job's.
# Snakemake removes a job's log before each attempt, and what it said is why there is another: here that is only a link
# to a file that holds all attempts.
for framework in FRAMEWORKS:

    rule:
        name:
            f"train_{framework}"
        input:
            dataset=ancient(dataset_file),
            twin=twin_file(framework),
            row=row_file,
            preflight=ancient(preflight_files(framework)),
        output:
            result=at(layout.trial_file("{trial}", framework)),
            record=at(layout.run_record("{trial}", framework)),
        log:
            log_of(f"trials/{{trial}}/{framework}"),
        conda:
            environment(framework)
        threads: STUDY.settings.threads
        resources:
            gpu=gpus(framework),
            runtime=minutes(framework),
            mem_mb=megabytes(framework),
        params:
            job=job,
            code=code(framework),
            own=own_architecture,
            views=views(framework),
            # A function of the output is not tracked: how often a training is saved is no reason to train again.
            seconds=lambda wildcards, output: STUDY.settings.checkpoint_seconds,
            # The shell command is evaluated when its job runs: there the loop's variable has its last value.
            framework=lambda wildcards, output: Path(output.result).stem,
        shell:
            "ln -sf {params.framework}.attempts.log {log:q};"
            " exec python -m uncrossed train {params.framework} --job {params.job:q} --dataset {input.dataset:q}"
            " --output {output.result:q} --twin {input.twin:q} --row {input.row:q} {params.own:q} {params.views:q}"
            " --checkpoint-seconds {params.seconds} >> {log:q} 2>&1"


rule pytorch:
    input:
        expand(rules.train_pytorch.output, trial=STUDY.trials),
    localrule: True


rule tensorflow:
    input:
        expand(rules.train_tensorflow.output, trial=STUDY.trials),
    localrule: True
