"""The driver `ensemble`: several bodies, whose answers are blended."""
