"""What every stage stands on and none of it knows the business: settings, records, events, errors."""
