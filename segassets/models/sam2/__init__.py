"""SAM 2 networks behind this platform's protocols; the only package that imports sam2."""
