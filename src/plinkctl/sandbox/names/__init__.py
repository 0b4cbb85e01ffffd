"""Names and the proof of them: hosted zones, what they answer, and the certificates made out to names."""
