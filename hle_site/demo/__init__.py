"""What the demo is made of: people, questions with reviews, pictures, and the script of the simulated provider."""
