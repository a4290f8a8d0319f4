"""Speech whose code survives resampling, gain and noise; coarser than the exact one."""
