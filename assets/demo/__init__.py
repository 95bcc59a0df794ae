"""The demo pair: a small target model and its draft, and the program that trained them."""
