"""The anomaly library, fed from the stream: samples in, findings on record. Thin on purpose."""
