"""Starting the service, and building what carries it elsewhere."""
