# Neither is part of `all`: what is published, and where, is for a person to decide.


rule release:
    input:
        rules.checksums.output,
        rules.checksums.input,
    output:
        f"{RESULTS}/README.md",
        f"{RESULTS}/croissant.json",
        f"{RESULTS}/provenance.json",
        f"{RESULTS}/RELEASE_SHA256SUMS",
    log:
        f"{RESULTS}/logs/release.log",
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        folder=subpath(input[0], parent=True),
    shell:
        "python -m uncrossed release {params.folder:q} > {log:q} 2>&1"


rule publish:
    input:
        rules.release.output,
    output:
        f"{RESULTS}/receipt.json",
    log:
        f"{RESULTS}/logs/publish.log",
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        folder=subpath(input[0], parent=True),
        destination=destination,
        allowed=allowed,
    shell:
        "python -m uncrossed publish {params.folder:q} {params.destination:q} --receipt {output:q} "
        "{params.allowed:q} > {log:q} 2>&1"
