"""`dataset prepare`: a new folder, ready for training, out of a folder of pictures. The originals are only read."""
