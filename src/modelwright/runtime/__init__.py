"""The torch-free runtime: a packaged function, its drivers, the worker that answers, and what it costs to run."""
