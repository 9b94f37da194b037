"""Ratios against what a user would otherwise use; a package, for Opacus installs one so named."""
