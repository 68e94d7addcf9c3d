"""What the server says of itself: the page with the form, and the OpenAPI description."""
