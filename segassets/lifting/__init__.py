"""From pictures to space: depth and what it means, points, Gaussians. Start at `frame.lift_frame`."""
