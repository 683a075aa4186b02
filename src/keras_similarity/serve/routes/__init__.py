"""The routes, by what they are about; each function returns handlers bound to one service."""
