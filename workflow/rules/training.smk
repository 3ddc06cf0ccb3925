# `exec`, so that Slurm's SIGTERM reaches the training and not a shell, whose end would be the job's.
# Snakemake removes a job's log before each attempt, and what it said is why there is another: here that is only a link
# to a file that holds all attempts.


rule train_pytorch:
    input:
        dataset=ancient(dataset_file),
        twin=twin_file("pytorch"),
        row=row_file,
    output:
        result=f"{RESULTS}/trials/{{trial}}/pytorch.h5",
        record=f"{RESULTS}/trials/{{trial}}/pytorch.json",
    log:
        f"{RESULTS}/logs/trials/{{trial}}/pytorch.log",
    conda:
        "../../envs/pytorch.yaml"
    threads: STUDY.settings.threads
    resources:
        gpu=gpus("pytorch"),
        runtime=asked("pytorch", MINUTES),
        mem_mb=asked("pytorch", MEGABYTES),
    params:
        job=job,
        code=code("pytorch"),
        own=own_architecture,
        # A function of the output is not tracked: how often a training is saved is no reason to train again.
        seconds=lambda wildcards, output: STUDY.settings.checkpoint_seconds,
    shell:
        "ln -sf pytorch.attempts.log {log:q};"
        " exec python -m uncrossed train pytorch --job {params.job:q} --dataset {input.dataset:q}"
        " --output {output.result:q} --twin {input.twin:q} --row {input.row:q} {params.own:q}"
        " --checkpoint-seconds {params.seconds} >> {log:q} 2>&1"


rule train_tensorflow:
    input:
        dataset=ancient(dataset_file),
        twin=twin_file("tensorflow"),
        row=row_file,
    output:
        result=f"{RESULTS}/trials/{{trial}}/tensorflow.h5",
        record=f"{RESULTS}/trials/{{trial}}/tensorflow.json",
    log:
        f"{RESULTS}/logs/trials/{{trial}}/tensorflow.log",
    conda:
        "../../envs/tensorflow.yaml"
    threads: STUDY.settings.threads
    resources:
        gpu=gpus("tensorflow"),
        runtime=asked("tensorflow", MINUTES),
        mem_mb=asked("tensorflow", MEGABYTES),
    params:
        job=job,
        code=code("tensorflow"),
        own=own_architecture,
        # A function of the output is not tracked: how often a training is saved is no reason to train again.
        seconds=lambda wildcards, output: STUDY.settings.checkpoint_seconds,
    shell:
        "ln -sf tensorflow.attempts.log {log:q};"
        " exec python -m uncrossed train tensorflow --job {params.job:q} --dataset {input.dataset:q}"
        " --output {output.result:q} --twin {input.twin:q} --row {input.row:q} {params.own:q}"
        " --checkpoint-seconds {params.seconds} >> {log:q} 2>&1"


rule pytorch:
    input:
        expand(rules.train_pytorch.output, trial=STUDY.trials),
    localrule: True


rule tensorflow:
    input:
        expand(rules.train_tensorflow.output, trial=STUDY.trials),
    localrule: True
