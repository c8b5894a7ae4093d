"""The terminal: a file per noun or verb. Read options, one call into flow or insight, render."""
