"""What can be done with accounts of apps: connect them, agree, look at their objects, disconnect them."""
