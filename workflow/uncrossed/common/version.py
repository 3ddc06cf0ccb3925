"""The package's version; `docs/changelog.md` says for each what trains again."""

VERSION = "0.2.0"
