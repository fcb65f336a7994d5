"""The API: users, login, dialogs. A message is stored here, answered, and its hint handed to the broker."""
