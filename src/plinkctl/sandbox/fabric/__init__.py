"""The data path: what happens to a packet in the sandbox's VPCs.

`decide` says what becomes of a connection, `names` what a name resolves to, both from moto's objects alone; `wire`
carries real bytes accordingly.
"""
