"""The websocket service: holds clients' sockets, hears hints, pushes messages, repairs what was lost."""
