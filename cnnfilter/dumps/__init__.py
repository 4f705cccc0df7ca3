"""Numbers to npy, npz, csv and json files, and back."""
