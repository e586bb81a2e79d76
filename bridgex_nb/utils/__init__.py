"""Result files with their run cards, and the progress bar."""
