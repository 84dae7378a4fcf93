"""What is collected: a module for each scope or close group of scopes, of the same names as in `tdi.state.scopes`."""
