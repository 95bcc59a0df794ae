"""What the program ships beside its code: icons, translations, layouts, scenarios and the demo models."""
