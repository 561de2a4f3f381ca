"""The user's repository on the host: its commit, copies of it, patches checked before they are applied."""
