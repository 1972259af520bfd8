"""What is known of a workspace, for people: gathered from the staging area, and told as one HTML file."""
