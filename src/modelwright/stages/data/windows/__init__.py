"""From rows in order of time to windows: each a row of its own, with the history and the horizon of its series."""
