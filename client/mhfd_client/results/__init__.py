"""[5] What is told of a run: sidecars, latency, retake list, status, report. Reads the journal, never writes to it."""
