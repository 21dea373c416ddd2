"""What everything else stands on: errors, limits, clock and randomness, identity."""
