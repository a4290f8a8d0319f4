"""Audio of any form in, words and silence out."""
