"""The stage `learn`: learns the body as `plan` sealed it."""
