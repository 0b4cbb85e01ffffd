"""Who calls, and what they may: keys and their secrets, sessions, policies.

`policy`, `conditions` and `grants` are pure: documents and a question in, a verdict with its reason out. `signature` is
pure too. `principals` finds the caller and what was written for them, `sessions` gives keys away (STS). `questions` and
`objects` read a call; `gate` stands at the door, `enforce` in the way of each action.
"""
