"""What is to be built: study files, manifests, rows, semantics, and what they ask of a cluster."""
