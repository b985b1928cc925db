"""Text: made safe, cut to cells, counted, and quoted. Pure."""
