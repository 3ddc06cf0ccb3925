"""Why two models differ: what differs in any pair, the proof that all of it is known, and the trace of one pair."""
