"""What is wrong: one file for each family of findings, and the table of all of them. Pure."""
