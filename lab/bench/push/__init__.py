"""`lab bench push`: what a websocket process spends on a delivery, on an idle socket, on a stuck reader."""
