"""One way of an action, for whoever asks for it: written down, done, followed, and written down again.

Screens and command line choose and confirm, and bring the samples; here is what happens between a yes and its result.
"""
