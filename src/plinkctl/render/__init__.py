"""What a person or a script sees of a run: progress on stderr, results on stdout. Imports nothing until used.

terminal    what a stream can show, and how text from outside is made harmless on it
words       how durations, IDs and actions are said
values      events, errors and data as JSON values
progress    the door to live, plain and jsonlines; board is what live shows
result      the envelope; tables and text are two of its faces
explain     one error for a person
diagram     the link as a text tree
summary     the end of an `up`
"""
