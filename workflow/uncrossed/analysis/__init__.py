"""What pairs say together: statistics with their intervals, what mechanisms explain, and figures."""
