"""The notebook: docs/results as pages, written from the committed result files (`lab guide`)."""
