"""Store, fingerprint, runner, executors. Knows no stage."""
