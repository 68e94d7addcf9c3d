"""Tools that an assistant may call, and its calls, as texts."""
