"""Run models on devices: tiles of all jobs take turns, and a cancelled job stops within one tile."""
