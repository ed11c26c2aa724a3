"""The support desk's pages: the queue by urgency, one page per ticket and device, every action near."""
