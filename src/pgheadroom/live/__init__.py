"""A live server: one connection and one question at a time, for as long as the program runs."""
