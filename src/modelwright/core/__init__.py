"""The nouns' types: signature, requirement, metric, measurement, verdict, errors. No torch, no I/O."""
