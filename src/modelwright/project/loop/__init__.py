"""The loop: the table of stages, a run of it, and what a run rests on."""
