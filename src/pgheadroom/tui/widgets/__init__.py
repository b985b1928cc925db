"""The widgets of the live monitor."""
