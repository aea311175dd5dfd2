"""What people look at: comparison renders, the report of a scene, two tags side by side."""
