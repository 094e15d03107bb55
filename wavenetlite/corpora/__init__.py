"""Where recordings and their labels lie."""
