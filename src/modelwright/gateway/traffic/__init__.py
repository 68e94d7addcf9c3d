"""Which version answers: the releases that are asked for, and the versions that run."""
