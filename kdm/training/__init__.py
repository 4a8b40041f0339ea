"""Training: from pairs to a RUN, resumable at any step."""
