"""[4] From report to verdict: pure reasoning on numbers. Touches no file, runner, service or screen."""
