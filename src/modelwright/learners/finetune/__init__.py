"""Fine-tuning of a pretrained encoder."""
