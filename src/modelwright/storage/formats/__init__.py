"""What passes between stages: frozen dataclasses with read, write and a checked format number."""
