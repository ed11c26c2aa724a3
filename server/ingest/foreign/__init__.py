"""Messages of products that do not speak our language, understood by a table of topics.

`topic_map` says which topics are whose and in which format, `translation` turns a message into what it
says of which devices, and each product's grammar has a file of its own. Nothing here decides whether a
topic may speak for a device: that is `server.ingest.arrivals`, by the devices on record.
"""
