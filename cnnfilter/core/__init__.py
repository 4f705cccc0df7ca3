"""The mathematics: shapes and plans in integers, then arrays. No files, no words for people."""
