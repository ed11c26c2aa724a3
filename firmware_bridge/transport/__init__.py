"""Where bytes come from: a serial port, or memory in tests and demonstrations; and the thread that owns one."""
