"""The stage `tune`: tries settings as lanes, and seals what each showed on validation."""
