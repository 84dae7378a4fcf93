"""What machines are made of: platforms, base images, production images."""
