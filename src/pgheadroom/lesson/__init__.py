"""The guide through an outage: what it asks for, how far somebody is, and its lines. Pure."""
