"""Who watches nothing is told: which message goes out when, and the ways on which it goes."""
