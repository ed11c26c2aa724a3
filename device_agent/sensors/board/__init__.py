"""What is soldered or plugged to the machine, through the kernel's drivers."""
