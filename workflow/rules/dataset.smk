rule dataset:
    output:
        DATASET,
    log:
        f"results/datasets/logs/{STUDY.dataset.name}.log",
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        definition=STUDY.dataset.model_dump_json(),
    shell:
        "python -m uncrossed dataset {params.definition:q} --output {output:q} > {log:q} 2>&1"
