"""Known systems: flows that ship their exact Koopman answer."""
