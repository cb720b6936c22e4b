"""The demo's organisations, contacts and needs, and the script that builds them."""
