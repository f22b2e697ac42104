"""The parts of ray_translate.py, one concept a file; only pool.py knows Ray."""
