"""The kind `stars`: a rating from ★ to ★★★★★."""
