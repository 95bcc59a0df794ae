"""The precision lens: two precisions of one model over the same text, teacher-forced."""
