"""Running untrusted code behind walls."""
