"""All components on one page, for those who build pages; served in development only."""
