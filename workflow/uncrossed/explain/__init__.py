"""Why two models differ: the proof that all differences are known, and the trace of one pair."""
