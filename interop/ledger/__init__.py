"""Every state ever."""
