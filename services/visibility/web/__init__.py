"""The console and its JSON API: readers only, nothing here changes anything."""
