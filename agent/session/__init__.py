"""A session: its events, the journal that holds them, the state and the transcript folded from them."""
