"""What keeps an outage from coming again: rules over what was seen, and what is set. Pure."""
