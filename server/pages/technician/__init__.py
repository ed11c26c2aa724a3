"""The technician's pages: today's jobs in order, what to bring, what the device says now, the verdict."""
