"""Models that write captions: taggers and sentence captioners as ONNX, run by onnxruntime (the extra `caption`)."""
