"""What any Linux machine tells about itself: processor, memory, disks, links, clock, programs."""
