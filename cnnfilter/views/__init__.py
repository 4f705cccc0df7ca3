"""Results for people: tables, numbers and pictures in the terminal. Every view shows the same frozen results."""
