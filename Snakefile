from snakemake.utils import min_version

min_version("9.27")

# A study file stands alone: the default is read only where no other is given, since Snakemake would merge the two.
if not workflow.configfiles:

    configfile: f"{workflow.basedir}/config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/interrupted.smk"
include: "workflow/rules/dataset.smk"
include: "workflow/rules/search.smk"
include: "workflow/rules/preflight.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/release.smk"


rule all:
    default_target: True
    input:
        rules.checksums.output,
        rules.checksums.input,
    localrule: True
