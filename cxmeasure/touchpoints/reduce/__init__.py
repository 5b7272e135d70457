"""A user's events → small tables of counts and sums, in the user's engine: one file a shape of table."""
