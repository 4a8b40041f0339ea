"""Report: claims and figures as one HTML page and `claims.json`."""
