"""IAM, when it is enforced: what a caller's policies say to what a call asks for.

`policy` and `conditions` are pure: documents and a question in, a verdict with its reason out. `questions` reads a
call, `principals` finds the caller and what was written for them, `enforce` stands in the way of the call.
"""
