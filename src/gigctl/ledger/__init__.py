"""What is remembered: the only package that speaks SQL."""
