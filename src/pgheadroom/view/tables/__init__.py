"""What each table shows of its rows."""
