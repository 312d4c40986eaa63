"""Where leaf attempts run: on this machine under keepers, or on a cluster."""
