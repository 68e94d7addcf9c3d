"""The torch-free runtime: packages, drivers, workers, the gateway, measuring a package."""
