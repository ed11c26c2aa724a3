"""Values that other programs and devices hold: files, programs, web servers, Modbus, certificates."""
