"""Whether clients come back as they should, judged from the ledger alone."""
