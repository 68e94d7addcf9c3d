"""The driver `session`: calls other functions: finds passages, decides, and replies with its sources."""
