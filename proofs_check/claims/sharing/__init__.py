"""Claims about parameter sharing and hypernetworks."""
