"""Pure presentation: text, numbers, columns. No Textual here."""
