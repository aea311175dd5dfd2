"""Cameras, poses, rotations, Gaussians and boxes in space, as arrays: OpenCV axes, metres, pixel centres at +0.5."""
