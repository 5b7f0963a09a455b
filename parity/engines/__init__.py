"""The only door to the frameworks: the capability sheet, worker processes, the R bridge, the H2O server."""
