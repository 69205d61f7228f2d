"""Makes the folder a package, so that its tests share their helpers."""
