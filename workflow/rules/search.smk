if STUDY.search:

    rule suggest:
        input:
            seen,
        output:
            f"{RESULTS}/trials/{{trial}}/row.json",
        log:
            f"{RESULTS}/logs/trials/{{trial}}/suggest.log",
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
            f"{RESULTS}/manifest.csv",
            f"{RESULTS}/tables/trials.csv",
        output:
            f"{RESULTS}/tables/trajectory.csv",
            f"{RESULTS}/tables/trajectory.json",
            f"{RESULTS}/figures/search-progress.svg",
            f"{RESULTS}/figures/search-box.svg",
        log:
            f"{RESULTS}/logs/trajectory.log",
        localrule: True
        conda:
            "../../envs/workflow.yaml"
        params:
            study=handed,
            results=RESULTS,
        shell:
            "python -m uncrossed search trajectory --study {params.study:q} --results {params.results:q} > {log:q} 2>&1"
