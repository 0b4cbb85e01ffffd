"""The skin: one command or group per file. The only place that knows click."""
