"""What people and programs see of a session; all of it subscribes to events."""
