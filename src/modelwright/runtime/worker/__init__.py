"""One version in a process of its own, and the channel on which the gateway asks it."""
