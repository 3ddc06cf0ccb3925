if STUDY.search:

    rule suggest:
        input:
            seen,
        output:
            at(layout.suggestion("{trial}")),
        log:
            log_of("trials/{trial}/suggest"),
        localrule: True
        conda:
            "../../envs/workflow.yaml"
        params:
            study=handed,
            results=RESULTS,
        shell:
            "python -m uncrossed search suggest {wildcards.trial:q} --study {params.study:q}"
            " --results {params.results:q} > {log:q} 2>&1"

    rule trajectory:
        input:
            at(layout.MANIFEST),
            at(layout.TRIALS_CSV),
        output:
            at(layout.TRAJECTORY_TABLE),
            at(layout.TRAJECTORY_JSON),
            at(layout.SEARCH_PROGRESS_FIGURE),
            at(layout.SEARCH_BOX_FIGURE),
        log:
            log_of("trajectory"),
        localrule: True
        conda:
            "../../envs/workflow.yaml"
        params:
            study=handed,
            results=RESULTS,
        shell:
            "python -m uncrossed search trajectory --study {params.study:q} --results {params.results:q} > {log:q} 2>&1"
