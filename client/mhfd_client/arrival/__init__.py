"""[1] A file is here, whole, once: what appears in the watched folder, and when it may be scored. Knows no journal."""
