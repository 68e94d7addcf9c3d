"""The report and the model card: pages, charts, sections."""
