"""The package: body, manifest, checksums and graphs."""
