"""What the model tests cost: the page of those who pay, the caps, the stop switch, and lines that a person must reconcile."""
