"""One problem, one case: findings on a device that belong together, from first sign to proof of health."""
