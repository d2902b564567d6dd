"""How often tests reject what is true, and so where they hold."""
