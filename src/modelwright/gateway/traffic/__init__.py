"""Which version answers: the releases that are requested, and the versions that run."""
