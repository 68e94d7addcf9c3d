"""The OpenAI protocol, for the clients that speak it."""
