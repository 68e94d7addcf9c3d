"""An image definition for Docker and the like, with Compose."""
