"""What a task is: how logits become decisions, how decisions are scored, and how sure the scores are."""
