# Once per framework, in the environment and on the kind of node that its trainings get, and before them: a driver or a
# card that does not suit fails one short job. Another attempt would find the same.
for framework in FRAMEWORKS:

    rule:
        name:
            f"preflight_{framework}"
        output:
            at(layout.preflight(framework)),
        log:
            log_of(f"preflight/{framework}"),
        retries: 0
        conda:
            environment(framework)
        container:
            image(framework)
        threads: STUDY.settings.threads
        resources:
            gpu=GPUS,
            runtime=15,
            mem_mb=8000,
        params:
            device=STUDY.settings.device,
            # What it was held against.
            needs=str(BUILDS[ENVIRONMENTS][framework]),
            framework=lambda wildcards, output: Path(output[0]).stem,
        shell:
            "exec python -m uncrossed preflight {params.framework} --device {params.device} --threads {threads}"
            " --output {output:q} > {log:q} 2>&1"


rule preflight:
    input:
        expand(at(layout.preflight("{framework}")), framework=FRAMEWORKS),
    localrule: True
