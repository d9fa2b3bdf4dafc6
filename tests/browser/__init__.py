"""What people see, in a real browser: the pages of linking and the page of the demo."""
