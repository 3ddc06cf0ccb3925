rule manifest:
    input:
        expand(
            f"{RESULTS}/trials/{{trial}}/row.json",
            trial=STUDY.trials if STUDY.search else [],
        ),
    output:
        f"{RESULTS}/manifest.csv",
        f"{RESULTS}/study.json",
        expand(
            [f"{RESULTS}/{TEXT}", f"{RESULTS}/{STATEMENT}"],
            name=STUDY.architectures.own,
        ),
    log:
        f"{RESULTS}/logs/manifest.log",
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        folder=subpath(output[0], parent=True),
        rows=manifest.sha256(STUDY.rows.values()),
        # Tracked; the study itself, with paths of this machine, is not.
        statement=json.dumps(STUDY.statement(), sort_keys=True),
        architectures=[
            STUDY.architectures[name].sha256 for name in STUDY.architectures.own
        ],
        study=handed,
    shell:
        "python -m uncrossed manifest keep {params.folder:q} --study {params.study:q} --rows {params.rows} > {log:q} 2>&1"


rule tables:
    input:
        rules.manifest.output,
        rules.pytorch.input,
        rules.tensorflow.input,
    output:
        f"{RESULTS}/tables/trials.csv",
        f"{RESULTS}/tables/trials.parquet",
        f"{RESULTS}/tables/curves.parquet",
        f"{RESULTS}/tables/runs.parquet",
    log:
        f"{RESULTS}/logs/tables.log",
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        folder=subpath(input[0], parent=True),
        expected=expected,
    shell:
        "python -m uncrossed tables {params.folder:q} --expected {params.expected:q} > {log:q} 2>&1"


rule attribution:
    input:
        rules.manifest.output,
        rules.tables.output,
    output:
        f"{RESULTS}/tables/attribution.csv",
        f"{RESULTS}/figures/attribution.svg",
    log:
        f"{RESULTS}/logs/attribution.log",
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        folder=subpath(input[0], parent=True),
    shell:
        "python -m uncrossed attribution {params.folder:q} > {log:q} 2>&1"


rule analysis:
    input:
        rules.tables.input,
        rules.tables.output,
    output:
        f"{RESULTS}/tables/summary.csv",
        f"{RESULTS}/tables/disagreement.csv",
        f"{RESULTS}/figures/captions.json",
    log:
        f"{RESULTS}/logs/analysis.log",
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        folder=subpath(input[0], parent=True),
    shell:
        "python -m uncrossed analyse {params.folder:q} > {log:q} 2>&1"


rule report:
    input:
        rules.tables.input,
        rules.tables.output,
        rules.analysis.output,
        rules.attribution.output if ABLATION else [],
        rules.trajectory.output if STUDY.search else [],
    output:
        report(f"{RESULTS}/report.html", category="Study"),
    log:
        f"{RESULTS}/logs/report.log",
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        folder=subpath(input[0], parent=True),
    shell:
        "python -m uncrossed report {params.folder:q} > {log:q} 2>&1"


rule checksums:
    input:
        rules.tables.input,
        rules.tables.output,
        rules.attribution.output if ABLATION else [],
        rules.trajectory.output if STUDY.search else [],
        rules.analysis.output,
        rules.report.output,
    output:
        f"{RESULTS}/SHA256SUMS",
    log:
        f"{RESULTS}/logs/checksums.log",
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        folder=subpath(input[0], parent=True),
    shell:
        "python -m uncrossed checksums {params.folder:q} > {log:q} 2>&1"
