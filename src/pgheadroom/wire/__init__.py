"""What the model's values are called outside of the program: one form for JSON, the audit file, recordings and agents.

It stands just above the model, because whoever writes anything down needs it, the audit file included.
"""
