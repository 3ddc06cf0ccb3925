rule dataset:
    output:
        DATASET,
    log:
        f"results/{layout.DATASETS_FOLDER}/{layout.log(STUDY.dataset.name)}",
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        # A function of the output is not tracked: a source that moved is no reason to make the same dataset again.
        definition=lambda wildcards, output: STUDY.dataset.model_dump_json(),
    shell:
        "python -m uncrossed dataset {params.definition:q} --output {output:q} > {log:q} 2>&1"
