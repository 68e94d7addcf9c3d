"""Networks from scratch, or from pretrained parts."""
